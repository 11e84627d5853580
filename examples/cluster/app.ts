import { createServer, type Server } from 'node:http';
import { createRelay, type Relay, stopServer, storeFromUrl } from 'credential-relay';

/** What the relay processes of one relay have in common. */
export interface AppOptions {
  /** Where devices reach the balancer: the same for all processes, as links are built from it. */
  readonly publicUrl: string;
  /** URL of the store that all share. */
  readonly storeUrl: string;
  /** Server keys, the same for all. */
  readonly keys: readonly string[];
}

/** One relay process of several: nothing in it knows that there are others. */
export interface App {
  readonly server: Server;
  readonly relay: Relay;
  /** What to do on SIGTERM: ends without having failed a single request. */
  stop(): Promise<void>;
}

/** Makes the server of one process; it does not listen yet. */
export function createApp({ publicUrl, storeUrl, keys }: AppOptions): App {
  const store = storeFromUrl(storeUrl);
  const relay = createRelay({ publicUrl, store, keys });
  // Longer than a balancer keeps its connections, so that it is the balancer that closes them.
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
