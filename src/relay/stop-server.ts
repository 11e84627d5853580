import type { Relay } from './create-relay.js';

/** A server of `node:http` or `node:https`. */
export interface StoppableServer {
  close(closed: (error?: Error) => void): unknown;
  closeIdleConnections(): void;
  closeAllConnections(): void;
}

const IDLE_CHECK_INTERVAL_MS = 20;

/**
 * Stops a server and its relay without failing requests, for SIGTERM: answers held reads, refuses new connections,
 * finishes running requests, and then closes the relay. A server that no longer listens is left alone; the relay is
 * closed anyway.
 *
 * @param graceMs - Time for running requests, in ms. Then the server closes the remaining connections, because some
 * clients open a connection and send nothing. Default 5,000.
 * @returns A promise that resolves when the server and the relay are closed.
 * @example
 * process.once('SIGTERM', () => stopServer(server, relay));
 */
export async function stopServer(server: StoppableServer, relay: Relay, graceMs = 5_000): Promise<void> {
  await relay.drain();
  await new Promise<void>((resolve) => {
    // After its request a connection is idle, and the server would keep it for the next request.
    const idle = setInterval(() => server.closeIdleConnections(), IDLE_CHECK_INTERVAL_MS);
    const cut = setTimeout(() => server.closeAllConnections(), graceMs);
    server.close(() => {
      clearInterval(idle);
      clearTimeout(cut);
      resolve();
    });
  });
  await relay.close();
}
