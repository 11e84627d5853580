import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Requests of HTTP/1 connections whose answers are not due yet, and what tells each that its connection closed. */
const queued = new WeakMap<Socket, Set<() => void>>();

/**
 * Resolves to true once the answer to a request is due on its connection, to false if the connection closes before.
 * `undefined`, and nothing to wait for, if it is due already.
 *
 * A client may send many requests without reading an answer (pipelining, RFC 9112 §9.3.2). Node hands them all over at
 * once and queues their answers, and a queued response is never told that the connection closed. So a request that
 * began before its turn would hold its answer, or a place among the long polls, for as long as the client likes.
 */
export function whenAnswerIsDue(request: IncomingMessage, response: ServerResponse): Promise<boolean> | undefined {
  const { socket } = request;
  // Only a response that waits for its turn has no socket. One that was made by hand, without a server, has none either.
  if (response.socket !== null || response.writableEnded || socket?.pending !== false) return undefined;
  return new Promise((resolve) => {
    const closed = (): void => resolve(false);
    const others = queuedOn(socket).add(closed);
    response.once('socket', () => {
      others.delete(closed);
      resolve(true);
    });
  });
}

/** One listener a connection, however many requests of it are queued. */
function queuedOn(socket: Socket): Set<() => void> {
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
