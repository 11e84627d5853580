import { createServer, type Server } from 'node:http';
import { createRelay, type Relay } from 'credential-relay';

/** A node:http server with a relay. `publicUrl` is the URL of the relay for devices. */
export function createApp(publicUrl: string): { readonly app: Server; readonly relay: Relay } {
  const relay = createRelay({ publicUrl });
  const handle = relay.node();

  const app = createServer((request, response) => {
    handle(request, response, () => {
      // The path is not one of the relay. A server with the relay alone is `createServer(relay.node())`.
      if (request.url === '/') response.end('The front desk.');
      else response.writeHead(404).end();
    });
  });
  return { app, relay };
}
