import { createByteCollector } from '../byte-collector.js';
import { bodyInvalid, isRelayError, RelayError } from '../errors.js';
import { BODY_MS, type RawBody, type RelayRequest } from '../request.js';
import { FetchDisconnectWatch, NodeDisconnectWatch } from './disconnect.js';
import { isForwardedHttps, X_FORWARDED_PROTO } from './headers.js';
import { findNodeBindings, type NodeBindings } from './node-bindings.js';
import { countFields, discardUnread, getConnection, isEncrypted } from './node-request.js';
import { handleInTurn, waitForTurn } from './pipelining.js';
import { NOT_FOUND } from './response.js';
import type { HandlerSettings, RelayResponse, RequestHandler } from './types.js';

/**
 * The fetch door: Hono, Next.js, Bun, Deno. Paths that are not the relay's get a 404. `env` is for hooks: whatever the
 * host wants them to see, such as Hono's context.
 *
 * On Node, `env` is also how the relay sees the connection: pass Hono's context (`relay.fetch(c.req.raw, c)`), or its
 * bindings, as `app.mount` does by itself. Then a request that is pipelined behind others begins when its answer is due,
 * TLS is judged by the socket, and a client that leaves is noticed. Without them the relay goes by the request alone: a
 * request line with `https://` in it counts as TLS, and pipelined requests all begin at once.
 */
export type FetchHandler = (request: Request, env?: unknown) => Promise<Response>;

/** Makes the fetch door. */
export function createFetchHandler(
  answer: RequestHandler,
  { matchPath, trustProxy, bodyBytes }: HandlerSettings,
): FetchHandler {
  return async (request, env) => {
    const path = matchPath(request.url);
    if (path === undefined) return toResponse(NOT_FOUND, request.method);
    const node = findNodeBindings(env);
    const due = node === undefined || waitForTurn(node.incoming, node.outgoing);
    if (due === false) return createClientClosedResponse();
    const own = createFetchRequest({ request, env }, { path, node, trustProxy });
    const reply = await (due === true ? answer(own) : handleInTurn(answer, own, due, bodyBytes));
    if (reply === undefined) return createClientClosedResponse();
    if (node !== undefined) discardUnread(node.incoming);
    return toResponse(reply, request.method);
  };
}

/** For the host's own log: nobody is there to take this answer. The number is nginx's, "client closed request". */
const createClientClosedResponse = (): Response => new Response(null, { status: 499 });

interface FetchDetails {
  readonly path: string;
  /** The connection, where the host has shown it. */
  readonly node: NodeBindings | undefined;
  readonly trustProxy: boolean;
}

function createFetchRequest(
  host: { readonly request: Request; readonly env: unknown },
  { path, node, trustProxy }: FetchDetails,
): RelayRequest {
  const { request } = host;
  const header = (name: string): string | undefined => request.headers.get(name) ?? undefined;
  // The URL may be the client's own words: a request line can hold a whole one (RFC 9112 §3.2.2).
  const isOwnTls = (): boolean => (node === undefined ? /^https:/i.test(request.url) : isEncrypted(node.incoming));
  return {
    method: request.method,
    path,
    isSecure: () => isOwnTls() || (trustProxy && isForwardedHttps(header(X_FORWARDED_PROTO))),
    header,
    // Headers joins repeated fields by ", ", which no value of the protocol that must be single can hold.
    repeated: () => false,
    mayHaveBody: request.body !== null,
    readBody: (limit) => readBody(request, limit),
    host,
    disconnect: node === undefined ? new FetchDisconnectWatch(request) : new NodeDisconnectWatch(node.outgoing),
    connection: node === undefined ? undefined : getConnection(node.incoming),
    // Headers joins fields of one name; Node keeps each of them.
    fieldCount: () => (node === undefined ? [...request.headers.keys()].length : countFields(node.incoming)),
  };
}

async function readBody(request: Request, limit: number): Promise<RawBody> {
  const { body, headers } = request;
  const declared = headers.get('Content-Length');
  if (body === null || declared === '0') return { kind: 'none' };
  // Locked: somebody is reading it, or was and let it lie.
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
    // What the stream throws means that the client left; nothing has been done.
    throw isRelayError(error) ? error : bodyInvalid('', 'Cut short.');
  } finally {
    clearTimeout(timer);
  }
}

/** Gives up a body. The host's stream may throw at that, which changes nothing any more. */
function cancel(reader: ReadableStreamDefaultReader<Uint8Array>): void {
  reader.cancel().catch(() => undefined);
}

function toResponse(answer: RelayResponse, method: string): Response {
  const headers = new Headers();
  for (const [name, value] of answer.headers) headers.append(name, value);
  if (answer.close === true) headers.set('Connection', 'close');
  // An empty string is not nothing: Response would say that it is text/plain.
  const bodyless = method === 'HEAD' || answer.body === '';
  return new Response(bodyless ? null : answer.body, { status: answer.status, headers });
}
