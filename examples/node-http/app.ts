import { createServer, type Server } from 'node:http';
import { createRelay } from 'credential-relay';

/** A server of node:http with the relay in it. `publicUrl` is where devices reach the relay. */
export function createApp(publicUrl: string): Server {
  const relay = createRelay({ publicUrl });
  const handle = relay.node();

  return createServer((request, response) => {
    handle(request, response, () => {
      // Not the relay's. A server that does nothing else is `createServer(relay.node())`.
      if (request.url === '/') response.end('The front desk.');
      else response.writeHead(404).end();
    });
  });
}
