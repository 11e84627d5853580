import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';
import { createByteCollector } from '../byte-collector.js';
import { bodyInvalid, RelayError, type RelayErrorDetails } from '../errors.js';
import { BODY_MS, type HostRequest, type RawBody, type RelayRequest } from '../request.js';
import { NodeDisconnectWatch } from './disconnect.js';
import { parseQuery } from './path.js';
import { isEncrypted, isForwardedHttps } from './tls.js';
import { DRAIN_BYTES, DRAIN_MS } from './unread-body.js';

/** Facts about a Node request that only its handler knows. */
export interface NodeRequestDetails {
  readonly path: string;
  readonly response: ServerResponse;
  readonly host: HostRequest;
  readonly trustProxy: boolean;
  /** The result of the host's body parser. Called only if the stream was consumed. */
  parsedBody(): unknown;
}

/** A request of node:http, node:https or the compatibility API of node:http2. */
export function createNodeRequest(request: IncomingMessage, details: NodeRequestDetails): RelayRequest {
  return {
    method: request.method ?? '',
    path: details.path,
    query: () => parseQuery(request.url ?? ''),
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
  const { headers = {} } = request;
  // A hook may ask for any name, such as `constructor`, which the object inherits.
  const value = Object.hasOwn(headers, field) ? headers[field] : undefined;
  return Array.isArray(value) ? value.join(', ') : value;
}

/*
 * Test doubles and Lambda wrappers create requests without a server. They lack some of `rawHeaders`, `socket`,
 * `httpVersionMajor` and the state of the stream, which the types declare.
 */

/** Node joins some repeated fields and drops others. Only the raw list shows all fields. */
function isRepeated({ rawHeaders, headers }: Partial<IncomingMessage>, name: string): boolean {
  const wanted = name.toLowerCase();
  if (rawHeaders === undefined) return Array.isArray(headers?.[wanted]) && headers[wanted].length > 1;
  let seen = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const field = rawHeaders[at];
    if (field?.length === wanted.length && field.toLowerCase() === wanted) seen += 1;
  }
  return seen > 1;
}

/**
 * By the socket, or by `ctx.secure` of Koa and `req.secure` of Express; by X-Forwarded-Proto with `trustProxy` only.
 */
function isSecure(request: IncomingMessage, { host, trustProxy }: NodeRequestDetails): boolean {
  if ((host.ctx ?? host.req)?.secure === true || isEncrypted(request)) return true;
  return trustProxy && isForwardedHttps((name) => getHeader(request, name));
}

/** Number of header fields, repeated ones included. */
export function countFields({ rawHeaders, headers = {} }: Partial<IncomingMessage>): number {
  return rawHeaders === undefined ? Object.keys(headers).length : rawHeaders.length / 2;
}

/** The session of HTTP/2, the socket of HTTP/1. */
export function getConnection(request: IncomingMessage): object | undefined {
  const stream = 'stream' in request ? (request.stream as Partial<ServerHttp2Stream>) : undefined;
  return stream?.session ?? request.socket;
}

/** False if the request has no body. HTTP/1 announces a body by one of two header fields (RFC 9112 §6). */
function mayHaveBody(request: IncomingMessage): boolean {
  const { headers = {}, httpVersionMajor } = request;
  if (headers['content-length'] !== undefined) return String(headers['content-length']) !== '0';
  return httpVersionMajor >= 2 || headers['transfer-encoding'] !== undefined || hasPresetBody(request);
}

/** True for a request that was created with its body, and that is no stream. node-mocks-http sets `{}` for no body. */
function hasPresetBody({ readableEnded, body }: Partial<IncomingMessage> & { readonly body?: unknown }): boolean {
  if (readableEnded !== undefined || body === undefined || body === null) return false;
  return typeof body !== 'object' || Object.keys(body).length > 0;
}

async function readBody(request: IncomingMessage, limit: number, parsedBody: () => unknown): Promise<RawBody> {
  if (!mayHaveBody(request)) return { kind: 'none' };
  const declared = Number(request.headers?.['content-length'] ?? 0);
  // Only the stream shows whether the host consumed the body: some hosts set `body` to `{}` without a body.
  if (request.readableDidRead || request.readableEnded !== false || request.destroyed) {
    const value = parsedBody();
    if (value === undefined) throw new RelayError('body_already_read');
    const size = measureText(value);
    if (Math.max(declared, size ?? 0) > limit) throw new RelayError('body_too_large');
    return size === 0 ? { kind: 'none' } : { kind: 'parsed', value };
  }
  // The relay answers before the body arrives. Node discards the body, so the body must not be too large for that.
  if (declared > limit) throw createTooLargeError(request, declared <= limit + DRAIN_BYTES);
  return { kind: 'bytes', bytes: await readWithLimit(request, declared, limit) };
}

/** Size in bytes of a body that the host read as text or bytes; `undefined` for a parsed value. */
function measureText(value: unknown): number | undefined {
  if (typeof value === 'string') return Buffer.byteLength(value);
  return value instanceof Uint8Array ? value.length : undefined;
}

/**
 * Reads the body. `declared` is its Content-Length, or 0 without one. Past the limit it discards bytes for a while and
 * then rejects. It rejects after {@link BODY_MS}: the time limits of node:http are longer, and node:http2 has none.
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
      // Nearly every body arrives in one chunk, which needs no copy.
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
    // The client has disconnected. The relay has not changed anything yet.
    const onLost = (): void => settle(bodyInvalid('', 'The body is incomplete.'));
    request.on('data', onData).on('end', onEnd).on('error', onLost).on('close', onLost);
  });
}

/** Makes the answer close an HTTP/1 connection. HTTP/2 closes the stream itself. */
function createCloseDetails({ httpVersionMajor }: Partial<IncomingMessage>): RelayErrorDetails {
  return Number(httpVersionMajor) > 1 ? {} : { headers: [['Connection', 'close']] };
}

/** `reusable`: the rest of the body was read or is short, so the connection can serve the next request. */
function createTooLargeError(request: IncomingMessage, reusable: boolean): RelayError {
  return new RelayError('body_too_large', reusable ? {} : createCloseDetails(request));
}
