import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { createRelay, type Relay, type RelayOptions } from 'credential-relay';
import Koa from 'koa';
import { afterEach } from 'vitest';

/** The doors of a relay, each on a server with real sockets. */
export const DOORS = ['node', 'koa', 'fetch'] as const;

/** One of {@link DOORS}. */
export type Door = (typeof DOORS)[number];

/** A relay that is served. */
export interface Served {
  readonly relay: Relay;
  /** The URL of the mount, on loopback. */
  readonly base: string;
  readonly server: Server;
}

/** The listener of a door, for a server of node:http or of node:http2. */
export function listenerOf(relay: Relay, door: Door): RequestListener {
  if (door === 'node') return relay.node();
  if (door === 'fetch') return getRequestListener((request) => relay.fetch(request));
  const app = new Koa();
  app.silent = true; // Koa prints what sockets run into, such as a client that leaves.
  return app.use(relay.koa()).callback();
}

/** Serves relays, and ends them and their servers after each test of the file. */
export function servedInTests(): (door: Door, options?: Partial<RelayOptions>, version?: 1 | 2) => Promise<Served> {
  const open: Served[] = [];
  afterEach(async () => {
    for (const { relay, server } of open.splice(0)) {
      await relay.close();
      server.closeAllConnections?.();
      server.close();
    }
  });
  return async (door, options = {}, version = 1) => {
    // Clear HTTP/2, by its compatibility API, has the same shape for all that is used here.
    const server = (version === 1 ? createServer() : createHttp2Server()) as Server;
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/relay`;
    const relay = createRelay({ publicUrl: base, ...options });
    server.on('request', listenerOf(relay, door));
    const served = { relay, base, server };
    open.push(served);
    return served;
  };
}
