/*
 * One HTTP request over node:http. Header fields go out exactly as listed, in that order, twice if they are listed
 * twice. Without an agent each request has its own connection.
 */
import { type Agent, type ClientRequest, type IncomingHttpHeaders, request } from 'node:http';
import { connect, type Socket } from 'node:net';

export type Field = readonly [name: string, value: string];

/** A request to send. */
export interface Call {
  readonly method: string;
  readonly url: string;
  /** The request target. Default: the path of the URL. */
  readonly target?: string;
  readonly fields?: readonly Field[];
  readonly body?: string;
  /** True: the body goes out in chunks, without a Content-Length. */
  readonly chunked?: boolean;
  /** True: the request asks the server to keep the connection open. */
  readonly keepAlive?: boolean;
  /** Connections to reuse. */
  readonly agent?: Agent;
  /** Time without traffic after which the request fails, in ms. Default: 10 s. */
  readonly timeoutMs?: number;
}

/** An answer, read to its end. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The parsed body; `{}` without a JSON body. */
  // biome-ignore lint/suspicious/noExplicitAny: tests read bodies of every shape.
  readonly json: any;
  /** Mailbox-Version; empty without one. */
  readonly version: string;
  /** Time from the request to the end of the answer. */
  readonly ms: number;
}

/** A request in progress. */
export interface Sent {
  /** Rejects if the connection is lost. */
  readonly answer: Promise<Answer>;
  readonly request: ClientRequest;
  /** Destroys the connection. */
  destroy(): void;
  /** Sends FIN: the client writes no more, but still reads. */
  finish(): void;
}

const TIMEOUT_MS = 10_000;
const CHUNK = 16 * 1024;

/** Starts a request. */
export function start(call: Call): Sent {
  const { body = '', chunked = false } = call;
  const framing: Field = chunked ? ['Transfer-Encoding', 'chunked'] : ['Content-Length', `${Buffer.byteLength(body)}`];
  const isFramed = body !== '' || chunked || call.agent !== undefined;
  const fields = isFramed ? [...(call.fields ?? []), framing] : (call.fields ?? []);
  const sent = open(call, fields);
  // With an agent many requests are sent, and each goes out in one packet.
  if (call.agent === undefined) sent.request.flushHeaders();
  for (let at = 0; at < body.length; at += CHUNK) sent.request.write(body.slice(at, at + CHUNK));
  sent.request.end();
  return sent;
}

/** Sends a request and reads the answer. */
export const send = (call: Call): Promise<Answer> => start(call).answer;

/** Announces a body of so many bytes and sends none of it. The server must answer. */
export function announce(call: Call, bytes: number): Promise<Answer> {
  const { request, answer } = open(call, [...(call.fields ?? []), ['Content-Length', String(bytes)]]);
  request.flushHeaders();
  return answer;
}

function open({ method, url, target, keepAlive = false, agent, timeoutMs }: Call, fields: readonly Field[]): Sent {
  const connection: Field[] = agent === undefined ? [['Connection', keepAlive ? 'keep-alive' : 'close']] : [];
  const headers = [...fields, ['Host', new URL(url).host], ...connection].flat();
  const started = performance.now();
  const path = target === undefined ? {} : { path: target };
  const outgoing = request(url, { method, headers, agent: agent ?? false, ...path });
  outgoing.setTimeout(timeoutMs ?? TIMEOUT_MS, () => outgoing.destroy(new Error(`${method} ${url}: no answer`)));
  const answer = new Promise<Answer>((resolve, reject) => {
    outgoing.on('error', reject);
    outgoing.on('close', () => reject(new Error(`${method} ${url}: the connection was closed`)));
    outgoing.on('response', (incoming) => {
      const parts: Buffer[] = [];
      incoming.on('data', (part: Buffer) => parts.push(part));
      incoming.on('error', reject);
      incoming.on('end', () => {
        const text = Buffer.concat(parts).toString('utf8');
        resolve(toAnswer(incoming.statusCode ?? 0, incoming.headers, text, performance.now() - started));
        if (agent === undefined) outgoing.destroy();
      });
    });
  });
  answer.catch(() => {}); // A test that destroys the connection does not read the answer.
  return {
    answer,
    request: outgoing,
    destroy: () => void outgoing.destroy(),
    finish: () => void outgoing.socket?.end(),
  };
}

function toAnswer(status: number, headers: IncomingHttpHeaders, text: string, ms: number): Answer {
  return {
    status,
    headers,
    text,
    get json() {
      return text !== '' && headers['content-type']?.includes('json') === true ? JSON.parse(text) : {};
    },
    version: String(headers['mailbox-version'] ?? ''),
    ms,
  };
}

/** Sends the head of a request and the first part of a body without an end. The caller destroys the socket. */
export function begin({ method, url, fields = [] }: Call, part: string): Socket {
  const { hostname, port, host, pathname } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined); // The server may reset the connection.
  const head = [...fields, ['Host', host], ['Content-Length', '5000']].map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`${method} ${pathname} HTTP/1.1\r\n${head.join('')}\r\n${part}`);
  return socket;
}
