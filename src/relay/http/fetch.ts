import { createByteCollector } from '../byte-collector.js';
import { bodyInvalid, isRelayError, RelayError } from '../errors.js';
import { BODY_MS, type RawBody, type RelayRequest } from '../request.js';
import { FetchDisconnectWatch, NodeDisconnectWatch } from './disconnect.js';
import { isFetchCall, type RefuseCall } from './misuse.js';
import { findNodeBindings, type NodeBindings } from './node-bindings.js';
import { countFields, getConnection } from './node-request.js';
import { parseQuery } from './path.js';
import { handleInTurn, waitForTurn } from './pipelining.js';
import { NOT_FOUND } from './response.js';
import { isEncrypted, isForwardedHttps } from './tls.js';
import type { HandlerSettings, RelayResponse, RequestHandler } from './types.js';
import { discardUnread } from './unread-body.js';

/**
 * A handler for hosts with the fetch API: Hono, Next.js, Bun, Deno. It answers a path outside of the relay with 404.
 *
 * On Node, pass Hono's context as `env`, or its bindings (`app.mount` does), to give the relay access to the
 * connection. Then the relay starts a pipelined request when its answer is due, detects TLS by the socket, and notices
 * a client that disconnects. Without them the relay trusts the request: an `https:` URL in the request line counts as
 * TLS, and all pipelined requests start at once.
 *
 * @param env - passed to hooks as `input.host.env`, such as Hono's context
 * @returns the answer of the relay; the promise never rejects
 * @throws TypeError if the first argument is no Request, with the handler for the host that made the call
 *
 * @example
 * app.all('/v1/*', (c) => relay.fetch(c.req.raw, c));
 */
export type FetchHandler = (request: Request, env?: unknown) => Promise<Response>;

export function createFetchHandler(
  answer: RequestHandler,
  { matchPath, mountWatch, trustProxy, bodyBytes }: HandlerSettings,
  refuse: RefuseCall,
): FetchHandler {
  async function handle(request: Request, env?: unknown): Promise<Response> {
    const path = matchPath(request.url);
    if (path === undefined) {
      const getField = (field: string): string | undefined => request.headers.get(field) ?? undefined;
      if (mountWatch?.isMisplaced(request.url, getField) === true) mountWatch.warn(request.url);
      return toResponse(NOT_FOUND, request.method);
    }
    const node = findNodeBindings(env);
    const due = node === undefined || waitForTurn(node.incoming, node.outgoing);
    if (due === false) return createClientClosedResponse();
    const own = createFetchRequest({ request, env }, { path, node, trustProxy });
    const reply = await (due === true ? answer(own) : handleInTurn(answer, own, due, bodyBytes));
    if (reply === undefined) return createClientClosedResponse();
    if (node !== undefined) discardUnread(node.incoming);
    return toResponse(reply, request.method);
  }

  // Not `async`: `relay.fetch()` in place of `relay.fetch` throws where the host mounts it.
  return (...args) => (isFetchCall(args[0]) ? handle(...args) : refuse(...args));
}

/** For the host's log only, since the client has disconnected. 499 is nginx's "client closed request". */
const createClientClosedResponse = (): Response => new Response(null, { status: 499 });

interface FetchDetails {
  readonly path: string;
  /** Present if the host passed the bindings of Node. */
  readonly node: NodeBindings | undefined;
  readonly trustProxy: boolean;
}

function createFetchRequest(
  host: { readonly request: Request; readonly env: unknown },
  { path, node, trustProxy }: FetchDetails,
): RelayRequest {
  const { request } = host;
  const header = (name: string): string | undefined => request.headers.get(name) ?? undefined;
  // A client can put any URL into its request line (RFC 9112 §3.2.2), so the socket decides if it is known.
  const isOwnTls = (): boolean => (node === undefined ? /^https:/i.test(request.url) : isEncrypted(node.incoming));
  return {
    method: request.method,
    path,
    query: () => parseQuery(request.url),
    isSecure: () => isOwnTls() || (trustProxy && isForwardedHttps(header)),
    header,
    // Headers joins repeated fields by ", ". No single-valued header of the protocol allows a comma and a space.
    repeated: () => false,
    mayHaveBody: request.body !== null,
    readBody: (limit) => readBody(request, limit),
    host,
    disconnect: node === undefined ? new FetchDisconnectWatch(request) : new NodeDisconnectWatch(node.outgoing),
    connection: node === undefined ? undefined : getConnection(node.incoming),
    // Headers joins fields of one name. Node keeps each field.
    fieldCount: () => (node === undefined ? [...request.headers.keys()].length : countFields(node.incoming)),
  };
}

async function readBody(request: Request, limit: number): Promise<RawBody> {
  const { body, headers } = request;
  const declared = headers.get('Content-Length');
  if (body === null || declared === '0') return { kind: 'none' };
  // Locked: the host is reading the body, or stopped reading without releasing it.
  if (request.bodyUsed || body.locked) throw new RelayError('body_already_read');
  if (Number(declared ?? 0) > limit) throw new RelayError('body_too_large');
  return { kind: 'bytes', bytes: await readWithLimit(body, limit) };
}

async function readWithLimit(body: ReadableStream<Uint8Array>, limit: number): Promise<Uint8Array> {
  const collector = createByteCollector(limit);
  const reader = body.getReader();
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    cancel(reader);
  }, BODY_MS);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (isLate) throw new RelayError('body_timeout');
      if (done) return collector.bytes();
      if (!collector.add(value)) throw new RelayError('body_too_large');
    }
  } catch (error) {
    cancel(reader);
    // The stream fails if the client disconnects. The relay has not changed anything yet.
    throw isRelayError(error) ? error : bodyInvalid('', 'The body is incomplete.');
  } finally {
    clearTimeout(timer);
  }
}

/** Stops reading. An error of the host's stream has no effect any more. */
function cancel(reader: ReadableStreamDefaultReader<Uint8Array>): void {
  reader.cancel().catch(() => undefined);
}

function toResponse(answer: RelayResponse, method: string): Response {
  const headers = new Headers();
  for (const [name, value] of answer.headers) headers.append(name, value);
  if (answer.close === true) headers.set('Connection', 'close');
  // Response would add `Content-Type: text/plain` for an empty string.
  const bodyless = method === 'HEAD' || answer.body === '';
  return new Response(bodyless ? null : answer.body, { status: answer.status, headers });
}
