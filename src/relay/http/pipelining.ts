import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { RawBody, RelayRequest } from '../request.js';
import { getSharedWeakMap } from '../shared-state.js';
import type { RelayResponse, RequestHandler } from './types.js';

/**
 * Most requests of one connection in the queue. A queued request takes about 5 kB besides its body. Clients that
 * pipeline send about ten requests.
 */
const MAXIMUM_QUEUED = 16;

/** Callbacks of the queued requests of an HTTP/1 connection, called when the connection closes. */
const queued = getSharedWeakMap<Socket, Set<() => void>>('pipelining');

/**
 * True if the answer to a request is due on its connection, false if the connection has closed. If other answers come
 * first, resolves to true when the answer is due, or to false when the connection closes.
 *
 * A client may send many requests without reading an answer (pipelining, RFC 9112 §9.3.2). Node passes on all of them
 * at once and queues their answers. A queued response emits no 'close' when the connection closes. A request that
 * started before its turn could therefore hold its answer, or a slot of the long polls, for any time. The relay closes
 * a connection with more than {@link MAXIMUM_QUEUED} queued requests, as the same section allows.
 */
export function waitForTurn(request: IncomingMessage, response: ServerResponse): boolean | Promise<boolean> {
  const { socket } = request;
  // HTTP/2 does not queue answers. A stream that the client has reset has no socket, which the check for TLS needs.
  const { stream } = response as { readonly stream?: { readonly destroyed: boolean } };
  if (stream?.destroyed === true) return false;
  // Only a queued response has no socket.
  if (response.socket !== null || response.writableEnded) return true;
  if (socket?.destroyed === true) return false;
  // A request that was created without a server.
  if (socket?.pending !== false) return true;
  const others = getQueue(socket);
  if (others.size >= MAXIMUM_QUEUED) {
    socket.destroy();
    return false;
  }
  return new Promise((resolve) => {
    const closed = (): void => resolve(false);
    others.add(closed);
    response.once('socket', () => {
      others.delete(closed);
      resolve(true);
    });
  });
}

/** Adds one listener per connection, for any number of queued requests. */
function getQueue(socket: Socket): Set<() => void> {
  const known = queued.get(socket);
  if (known !== undefined) return known;
  const requests = new Set<() => void>();
  queued.set(socket, requests);
  socket.once('close', () => {
    for (const closed of requests) closed();
    requests.clear();
  });
  return requests;
}

/**
 * Answers a queued request in its turn; resolves to `undefined` if the connection closes first. It reads the body
 * early: Node would keep the body in chunks, and a chunk of one byte takes hundreds of bytes.
 */
export async function handleInTurn(
  answer: RequestHandler,
  request: RelayRequest,
  due: Promise<boolean>,
  bodyBytes: number,
): Promise<RelayResponse | undefined> {
  const ready = request.mayHaveBody ? withBodyRead(request, bodyBytes) : request;
  return (await due) ? answer(ready) : undefined;
}

function withBodyRead(request: RelayRequest, bodyBytes: number): RelayRequest {
  let body: Promise<RawBody> | undefined = request.readBody(bodyBytes);
  // `answer` receives the same rejection. If the connection closes first, the rejection has no effect.
  body.catch(() => undefined);
  return {
    ...request,
    readBody() {
      const read = body ?? Promise.resolve({ kind: 'none' });
      body = undefined; // A held read must not keep the body in memory.
      return read;
    },
  };
}
