import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRelay, type MailboxStore, type RelayOptions } from 'credential-relay';
import { startTcpProxy, type TcpProxy } from '../network/tcp-proxy.js';

/** Answers a request itself and returns true, or leaves it to the relay. */
export type Intercept = (request: IncomingMessage, response: ServerResponse) => boolean;

/** A relay on a socket, with a network in front of it that can be disturbed. */
export interface RelayServer {
  /** The URL of the proxy, for clients. */
  readonly url: string;
  readonly proxy: TcpProxy;
  /** `METHOD status` of each request that was answered, in order. */
  readonly log: string[];
  /** Sees each request before the relay does. */
  intercept: Intercept;
  /** Reads that the relay holds. */
  held(): number;
  /** Ends the relay and its server and starts new ones on the same store and port. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

/** Starts a relay; `openStore` opens the store, again after each restart. */
export async function startRelay(
  options: Partial<RelayOptions> = {},
  openStore?: () => MailboxStore,
): Promise<RelayServer> {
  let server: Server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const proxy = await startTcpProxy({ port });
  const url = `http://127.0.0.1:${proxy.port}/relay`;
  let held = (): number => 0;
  let end = mount(server);

  /** Puts a relay onto a server. */
  function mount(onto: Server): () => Promise<void> {
    const store = openStore?.();
    const relay = createRelay({ publicUrl: url, ...(store === undefined ? {} : { store }), ...options });
    const handle = relay.node();
    held = () => relay.stats().waiters;
    onto.on('request', (request, response) => {
      response.on('close', () => {
        if (response.writableFinished) running.log.push(`${request.method} ${response.statusCode}`);
      });
      if (!running.intercept(request, response)) handle(request, response);
    });
    return async () => {
      onto.closeAllConnections();
      const closed = once(onto, 'close');
      onto.close();
      await closed;
      await relay.close();
      await store?.close();
    };
  }

  const running: RelayServer = {
    url,
    proxy,
    log: [],
    intercept: () => false,
    held: () => held(),
    async restart() {
      await end();
      server = createServer();
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
      end = mount(server);
    },
    async close() {
      await proxy.close();
      await end();
    },
  };
  return running;
}

/** Answers with a status of a relay that is busy, or of something before it. */
export function answer(response: ServerResponse, status: number, headers: Record<string, string> = {}): true {
  response.writeHead(status, headers).end();
  return true;
}
