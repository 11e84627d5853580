import type { Relay } from './create-relay.js';

/** What stopping needs of a server of `node:http` or `node:https`. */
export interface StoppableServer {
  close(closed: (error?: Error) => void): unknown;
  closeIdleConnections(): void;
  closeAllConnections(): void;
}

/** Milliseconds between two looks for connections that have become idle meanwhile. */
const IDLE_CHECK_MS = 20;

/**
 * Stops a server and the relay in it, in an order in which no request fails: reads that are held are answered, new
 * connections are refused, requests under way are finished, and then the relay is closed. A connection on which no
 * answer has come to its end within `graceMs` (default 5,000 ms) is cut: some clients open one and send nothing.
 * Resolves when all is closed; does nothing to a server that does not listen any more. For SIGTERM.
 */
export async function stopServer(server: StoppableServer, relay: Relay, graceMs = 5_000): Promise<void> {
  await relay.drain();
  await new Promise<void>((resolve) => {
    // A connection whose request was under way is idle after it, and would be kept for the next one.
    const idle = setInterval(() => server.closeIdleConnections(), IDLE_CHECK_MS);
    const cut = setTimeout(() => server.closeAllConnections(), graceMs);
    server.close(() => {
      clearInterval(idle);
      clearTimeout(cut);
      resolve();
    });
  });
  await relay.close();
}
