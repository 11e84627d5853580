import { createServer, type Server } from 'node:http';
import { createRelay, type Relay, stopServer, storeFromUrl } from 'credential-relay';

/** The options that all relay processes share. */
export interface AppOptions {
  /** The URL of the relay at the balancer. Links are built from it. */
  readonly publicUrl: string;
  readonly storeUrl: string;
  readonly keys: readonly string[];
}

/** One of several relay processes. It does not know the other processes. */
export interface App {
  readonly server: Server;
  readonly relay: Relay;
  /** For SIGTERM: ends held reads and stops without a failed request. */
  stop(): Promise<void>;
}

export function createApp({ publicUrl, storeUrl, keys }: AppOptions): App {
  const store = storeFromUrl(storeUrl);
  const relay = createRelay({ publicUrl, store, keys });
  // Longer than the balancer's keep-alive, so that the balancer closes idle connections.
  const server = createServer({ keepAliveTimeout: 65_000 }, relay.node());

  return {
    server,
    relay,
    async stop() {
      await stopServer(server, relay);
      await store.close();
    },
  };
}
