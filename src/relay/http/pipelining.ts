import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { RawBody, RelayRequest } from '../request.js';
import type { RelayResponse, RequestHandler } from './types.js';

/**
 * Most requests of one connection that wait for their turn. A queued request costs about 5 kB beside its body, and
 * clients that pipeline at all send about ten.
 */
const MAXIMUM_QUEUED = 16;

/** Requests of HTTP/1 connections whose answers are not due yet, and what tells each that its connection closed. */
const queued = new WeakMap<Socket, Set<() => void>>();

/**
 * True if the answer to a request is due on its connection, false if the connection has closed. If other answers come
 * first, resolves to true once it is due, to false if the connection closes before.
 *
 * A client may send many requests without reading an answer (pipelining, RFC 9112 §9.3.2). Node hands them all over at
 * once and queues their answers, and a queued response is never told that the connection closed. So a request that
 * began before its turn would hold its answer, or a place among the long polls, for as long as the client likes.
 * A connection with more than {@link MAXIMUM_QUEUED} such requests is closed, as the same section allows.
 */
export function waitForTurn(request: IncomingMessage, response: ServerResponse): boolean | Promise<boolean> {
  const { socket } = request;
  // HTTP/2, where answers wait for nobody: reset before the host handed it over, it has no socket to ask for TLS either.
  const { stream } = response as { readonly stream?: { readonly destroyed: boolean } };
  if (stream?.destroyed === true) return false;
  // Only a response that waits for its turn has no socket.
  if (response.socket !== null || response.writableEnded) return true;
  if (socket?.destroyed === true) return false;
  // A request that was made by hand, without a server.
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

/** One listener a connection, however many requests of it are queued. */
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
 * Answers a queued request in its turn; resolves to `undefined` if the connection closed before. Its body is read
 * meanwhile: Node would keep it in the pieces in which it came, and a piece of one byte costs hundreds.
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
  // A refusal of the body is the answer's to tell, or nobody's.
  body.catch(() => undefined);
  return {
    ...request,
    readBody() {
      const read = body ?? Promise.resolve({ kind: 'none' });
      body = undefined; // A read that is held would keep it for as long.
      return read;
    },
  };
}
