/**
 * The HTTP client of the suite. It shares no code with the package that it tests, so that an error in that code cannot
 * hide itself.
 */
import { request as overHttp, type RequestOptions } from 'node:http';
import { request as overHttps } from 'node:https';
import { connect as connectPlain } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** An answer, read to its end. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** A request for {@link send}. */
export interface Sending {
  /** A list makes one header line per entry, with the name spelled as it is here. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** Written one by one, so that a body may arrive in pieces. */
  readonly chunks?: readonly (string | Uint8Array)[];
  /** `false` leaves the request unfinished: the answer has to come before the body is complete. */
  readonly finish?: boolean;
}

/** The time limit of an answer, in ms. No test of the suite uses a long poll. */
const PATIENCE_MS = 10_000;

/** One request through the global `fetch`, as most clients make it. Redirects are answers, not followed. */
export async function call(
  method: string,
  url: string,
  headers: Readonly<Record<string, string>>,
  body?: string | Uint8Array,
): Promise<Answer> {
  // Bytes, because fetch adds a Content-Type to a string.
  const bytes = body === undefined ? {} : { body: typeof body === 'string' ? Buffer.from(body) : Buffer.from(body) };
  const response = await fetch(url, {
    method,
    headers,
    redirect: 'manual',
    signal: AbortSignal.timeout(PATIENCE_MS),
    ...bytes,
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

/** One request over `node:http`, which can send repeated headers, chunks, unfinished bodies and TRACE. */
export function send(method: string, url: string, sending: Sending = {}): Promise<Answer> {
  const lines: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(sending.headers ?? {})) {
    lines[name] = typeof value === 'string' ? value : [...value];
  }
  const options: RequestOptions = { method, headers: lines, agent: false };
  return new Promise((resolve, reject) => {
    const request = (new URL(url).protocol === 'https:' ? overHttps : overHttp)(url, options);
    let answered = false;
    const fail = (error: Error): void => {
      // A relay may close the connection after it refused a body; a complete answer counts.
      if (!answered) reject(error);
    };
    request.setTimeout(PATIENCE_MS, () => request.destroy(new Error(`${method} ${url}: no answer`)));
    request.on('error', fail);
    request.on('response', (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', fail);
      response.on('end', () => {
        answered = true;
        const headers = new Headers();
        for (const [name, values] of Object.entries(response.headersDistinct)) {
          for (const value of values ?? []) headers.append(name, value);
        }
        resolve({ status: response.statusCode ?? 0, headers, text: Buffer.concat(parts).toString('utf8') });
        request.destroy();
      });
    });
    for (const chunk of sending.chunks ?? []) request.write(chunk);
    if (sending.finish === false) request.flushHeaders();
    else request.end();
  });
}

/** Writes text to the relay's host and returns the bytes received until it closes: HTTP clients hide the body of a HEAD. */
export function exchange(url: string, text: string): Promise<string> {
  const { protocol, hostname, port } = new URL(url);
  const secure = protocol === 'https:';
  const host = hostname.replace(/^\[|\]$/g, '');
  const target = { host, port: Number(port || (secure ? 443 : 80)) };
  return new Promise((resolve, reject) => {
    const socket = secure ? connectTls({ ...target, servername: host }) : connectPlain(target);
    const parts: Buffer[] = [];
    socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error(`${url}: no answer`)));
    socket.on('error', reject);
    socket.on('data', (part: Buffer) => parts.push(part));
    socket.on('end', () => socket.end());
    socket.on('close', () => resolve(Buffer.concat(parts).toString('latin1')));
    socket.write(text);
  });
}
