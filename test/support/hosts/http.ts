/**
 * One request over node:http, each on a connection of its own. It shares nothing with the package: header fields go out
 * exactly as listed, in that order, twice if they are listed twice.
 */
import { type IncomingHttpHeaders, request } from 'node:http';
import { connect, type Socket } from 'node:net';

/** A header field as it goes out. */
export type Field = readonly [name: string, value: string];

/** A request to make. */
export interface Call {
  readonly method: string;
  readonly url: string;
  /** What goes into the request line; the path of the URL unless it is given. */
  readonly target?: string;
  readonly fields?: readonly Field[];
  readonly body?: string;
  /** True: the body goes out in chunks, without a Content-Length. */
  readonly chunked?: boolean;
  /** True: the client would use the connection for more, and the answer says whether the server would. */
  readonly keepAlive?: boolean;
}

/** An answer, read to its end. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** An answer that takes longer is a failure. */
const PATIENCE_MS = 10_000;
const CHUNK = 16 * 1024;

/** Makes the request and reads the answer. */
export function send(call: Call): Promise<Answer> {
  const { body = '', chunked = false } = call;
  const framing: Field = chunked ? ['Transfer-Encoding', 'chunked'] : ['Content-Length', `${Buffer.byteLength(body)}`];
  const fields = body === '' && !chunked ? (call.fields ?? []) : [...(call.fields ?? []), framing];
  return exchange(call, fields, (write, end) => {
    for (let at = 0; at < body.length; at += CHUNK) write(body.slice(at, at + CHUNK));
    end();
  });
}

/** Announces a body of so many bytes and sends none of it: the answer has to come all the same. */
export function announce(call: Call, bytes: number): Promise<Answer> {
  return exchange(call, [...(call.fields ?? []), ['Content-Length', String(bytes)]], () => undefined);
}

function exchange(
  { method, url, target, keepAlive = false }: Call,
  fields: readonly Field[],
  sendBody: (write: (text: string) => void, end: () => void) => void,
): Promise<Answer> {
  const headers = [...fields, ['Host', new URL(url).host], ['Connection', keepAlive ? 'keep-alive' : 'close']].flat();
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method, headers, agent: false, ...(target === undefined ? {} : { path: target }) });
    outgoing.setTimeout(PATIENCE_MS, () => outgoing.destroy(new Error(`${method} ${url}: no answer`)));
    outgoing.on('error', reject);
    outgoing.on('response', (incoming) => {
      const parts: Buffer[] = [];
      incoming.on('data', (part: Buffer) => parts.push(part));
      incoming.on('error', reject);
      incoming.on('end', () => {
        const text = Buffer.concat(parts).toString('utf8');
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text });
        outgoing.destroy();
      });
    });
    outgoing.flushHeaders();
    sendBody(
      (text) => outgoing.write(text),
      () => outgoing.end(),
    );
  });
}

/** Sends the head of a request and the first part of a body that it never finishes. The caller destroys the socket. */
export function begin({ method, url, fields = [] }: Call, part: string): Socket {
  const { hostname, port, host, pathname } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined); // The server may reset what it gives up.
  const head = [...fields, ['Host', host], ['Content-Length', '5000']].map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`${method} ${pathname} HTTP/1.1\r\n${head.join('')}\r\n${part}`);
  return socket;
}
