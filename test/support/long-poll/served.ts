import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { createRelay, type Relay, type RelayOptions } from 'credential-relay';
import Koa from 'koa';
import { afterEach } from 'vitest';

/** The handlers of a relay. */
export const HANDLERS = ['node', 'koa', 'fetch'] as const;

export type Handler = (typeof HANDLERS)[number];

/** A relay behind a server with real sockets. */
export interface Served {
  readonly relay: Relay;
  /** The public URL, on loopback. */
  readonly base: string;
  readonly server: Server;
}

/** The listener of a handler, for a server of node:http or of node:http2. */
function createListener(relay: Relay, handler: Handler): RequestListener {
  if (handler === 'node') return relay.node();
  if (handler === 'fetch') return getRequestListener((request) => relay.fetch(request));
  const app = new Koa();
  app.silent = true; // Koa prints the errors of sockets, such as a disconnected client.
  return app.use(relay.koa()).callback();
}

/** Returns a function that serves relays. After each test of the file it closes them and their servers. */
export function serveInTests(): (
  handler: Handler,
  options?: Partial<RelayOptions>,
  version?: 1 | 2,
) => Promise<Served> {
  const open: Served[] = [];
  afterEach(async () => {
    for (const { relay, server } of open.splice(0)) {
      await relay.close();
      server.closeAllConnections?.();
      server.close();
    }
  });
  return async (handler, options = {}, version = 1) => {
    // The compatibility API of clear-text HTTP/2 has the members of node:http that these tests use.
    const server = (version === 1 ? createServer() : createHttp2Server()) as Server;
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/relay`;
    const relay = createRelay({ publicUrl: base, ...options });
    server.on('request', createListener(relay, handler));
    const served = { relay, base, server };
    open.push(served);
    return served;
  };
}

/** Resolves when the relay holds this number of waiting reads. */
export async function waitersReach(relay: Relay, count: number): Promise<void> {
  while (relay.stats().waiters !== count) await new Promise((resolve) => setImmediate(resolve));
}
