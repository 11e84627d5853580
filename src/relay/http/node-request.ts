import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';
import { createByteCollector } from '../byte-collector.js';
import { RelayError, type RelayErrorDetails } from '../errors.js';
import { BODY_MS, type HostRequest, type RawBody, type RelayRequest } from '../request.js';
import { NodeDisconnectWatch } from './disconnect.js';
import { isForwardedHttps, X_FORWARDED_PROTO } from './headers.js';

/** What a door knows of a Node request beyond the request itself. */
export interface NodeRequestDetails {
  readonly path: string;
  readonly response: ServerResponse;
  readonly host: HostRequest;
  readonly trustProxy: boolean;
  /** What the host's body parser made of the body, asked for only if the stream was consumed. */
  parsedBody(): unknown;
}

/** Bytes past the limit that are read and thrown away, so that the client can take the 413 in. */
const DRAIN_BYTES = 1024 * 1024;
/** Milliseconds that throwing away may take. */
const DRAIN_MS = 1000;

/** A request of node:http, node:https or the compatibility API of node:http2. */
export function createNodeRequest(request: IncomingMessage, details: NodeRequestDetails): RelayRequest {
  return {
    method: request.method ?? '',
    path: details.path,
    isSecure: () => isSecure(request, details),
    header: (name) => getHeader(request, name),
    repeated: (name) => isRepeated(request, name),
    mayHaveBody: mayHaveBody(request),
    readBody: (limit) => readBody(request, limit, details.parsedBody),
    host: details.host,
    disconnect: new NodeDisconnectWatch(details.response),
    connection: getConnection(request),
    fieldCount: () => countFields(request),
  };
}

function getHeader(request: IncomingMessage, name: string): string | undefined {
  const field = name.toLowerCase();
  // A hook may ask for any name, and an object knows more of them than were sent.
  const value = Object.hasOwn(request.headers, field) ? request.headers[field] : undefined;
  return Array.isArray(value) ? value.join(', ') : value;
}

/** Node joins some repeated fields and drops others; only the raw list tells. */
function isRepeated({ rawHeaders }: IncomingMessage, name: string): boolean {
  const wanted = name.toLowerCase();
  let seen = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const field = rawHeaders[at];
    if (field?.length === wanted.length && field.toLowerCase() === wanted) seen += 1;
  }
  return seen > 1;
}

/** By the socket, or by `ctx.secure` of Koa and `req.secure` of Express; by X-Forwarded-Proto with `trustProxy` only. */
function isSecure(request: IncomingMessage, { host, trustProxy }: NodeRequestDetails): boolean {
  if ((host.ctx ?? host.req)?.secure === true || isEncrypted(request)) return true;
  return trustProxy && isForwardedHttps(getHeader(request, X_FORWARDED_PROTO));
}

/** True if the request came over TLS, by its own connection. */
export function isEncrypted({ socket }: IncomingMessage): boolean {
  return 'encrypted' in socket && socket.encrypted === true;
}

/**
 * Throws away the rest of a body that nobody will read, once its request has an answer: at most {@link DRAIN_BYTES} of
 * it, and for {@link DRAIN_MS}. What goes on after that is cut off. Node would take it for as long as the client sends.
 */
export function discardUnread(request: IncomingMessage): void {
  if (request.complete || request.destroyed) {
    if (request.readableFlowing === null) request.resume();
    return;
  }
  let length = 0;
  const timer = setTimeout(cut, DRAIN_MS).unref();
  function stop(): void {
    clearTimeout(timer);
    request.off('data', onData).off('end', stop).off('close', stop);
  }
  function cut(): void {
    stop();
    if ('stream' in request) (request.stream as ServerHttp2Stream).close();
    else request.socket.destroy();
  }
  function onData(chunk: Buffer): void {
    length += chunk.length;
    if (length > DRAIN_BYTES) cut();
  }
  request.on('data', onData).on('end', stop).on('close', stop);
}

/** Number of header fields, repeated ones included. */
export function countFields({ rawHeaders }: IncomingMessage): number {
  return rawHeaders.length / 2;
}

/** The session of HTTP/2, the socket of HTTP/1. */
export function getConnection(request: IncomingMessage): object {
  const stream = 'stream' in request ? (request.stream as Partial<ServerHttp2Stream>) : undefined;
  return stream?.session ?? request.socket;
}

/** False if there can be no body: HTTP/1 announces one by either of two header fields (RFC 9112 §6). */
function mayHaveBody({ headers, httpVersionMajor }: IncomingMessage): boolean {
  if (headers['content-length'] !== undefined) return headers['content-length'] !== '0';
  return httpVersionMajor >= 2 || headers['transfer-encoding'] !== undefined;
}

async function readBody(request: IncomingMessage, limit: number, parsedBody: () => unknown): Promise<RawBody> {
  if (!mayHaveBody(request)) return { kind: 'none' };
  const declared = Number(request.headers['content-length'] ?? 0);
  // The stream tells whether somebody consumed the body; hosts set `body` to an empty object even where there is none.
  if (request.readableDidRead || request.readableEnded || request.destroyed) {
    const value = parsedBody();
    if (value === undefined) throw new RelayError('body_already_read');
    const size = measureText(value);
    if (Math.max(declared, size ?? 0) > limit) throw new RelayError('body_too_large');
    return size === 0 ? { kind: 'none' } : { kind: 'parsed', value };
  }
  // Answered before it is sent; Node throws away what comes all the same, and it must not be too much.
  if (declared > limit) throw createTooLargeError(request, declared <= limit + DRAIN_BYTES);
  return { kind: 'bytes', bytes: await readWithLimit(request, declared, limit) };
}

/** Bytes of a body that the host's parser left as text; `undefined` if it made something of it. */
function measureText(value: unknown): number | undefined {
  if (typeof value === 'string') return Buffer.byteLength(value);
  return value instanceof Uint8Array ? value.length : undefined;
}

/**
 * The bytes of the body, of which `declared` were announced (0 for none). Past the limit it goes on reading for a while,
 * keeps nothing, and rejects. A body that is not there after {@link BODY_MS} is given up: the time limits of node:http
 * would end it later, and node:http2 has none.
 */
function readWithLimit(request: IncomingMessage, declared: number, limit: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const collector = createByteCollector(limit);
    let length = 0;
    let whole: Uint8Array | undefined;
    let isDraining = false;
    let timer = setTimeout(() => settle(new RelayError('body_timeout', createCloseDetails(request))), BODY_MS);

    function settle(error?: unknown): void {
      clearTimeout(timer);
      request.off('data', onData).off('end', onEnd).off('error', onLost).off('close', onLost);
      if (error !== undefined) reject(error);
      else resolve(whole ?? collector.bytes());
    }
    function onData(chunk: Buffer): void {
      const isFirst = length === 0;
      length += chunk.length;
      // Nearly every body comes in one piece, which is used as it is.
      if (isFirst && length === declared) whole = chunk;
      else if (!collector.add(chunk)) drain();
    }
    function drain(): void {
      if (!isDraining) {
        isDraining = true;
        clearTimeout(timer);
        timer = setTimeout(() => settle(createTooLargeError(request, false)), DRAIN_MS);
      }
      if (length > limit + DRAIN_BYTES) settle(createTooLargeError(request, false));
    }
    const onEnd = (): void => settle(length > limit ? createTooLargeError(request, true) : undefined);
    // The client left; nobody is there to read an answer, and nothing has been done.
    const onLost = (): void => settle(new RelayError('body_invalid', { members: { field: '' }, detail: 'Cut short.' }));
    request.on('data', onData).on('end', onEnd).on('error', onLost).on('close', onLost);
  });
}

/** Has the answer end the connection, which HTTP/2 does by itself where it must. */
function createCloseDetails({ httpVersionMajor }: IncomingMessage): RelayErrorDetails {
  return httpVersionMajor > 1 ? {} : { headers: [['Connection', 'close']] };
}

/** `reusable`: the rest of the body is read, or short, so that the connection can serve the next request. */
function createTooLargeError(request: IncomingMessage, reusable: boolean): RelayError {
  return new RelayError('body_too_large', reusable ? {} : createCloseDetails(request));
}
