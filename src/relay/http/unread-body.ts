import type { IncomingMessage } from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';

/** Bytes past the limit that the relay reads and discards, so that the client can receive the 413. */
export const DRAIN_BYTES = 1024 * 1024;
/** Longest time in ms for discarding. */
export const DRAIN_MS = 1000;

/**
 * Discards the unread rest of a body after the answer: at most {@link DRAIN_BYTES} for at most {@link DRAIN_MS}. Then
 * it closes the connection. Without this limit Node would read for as long as the client sends.
 */
export function discardUnread(request: IncomingMessage): void {
  // A request that was created without a server may lack these members, and the stream with them.
  if (request.complete !== false || request.destroyed || request.socket === undefined) {
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
