import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { getRequestListener } from '@hono/node-server';
import { stopServer } from 'credential-relay';
import { createApp } from './app.js';

const { PORT = '8080' } = process.env;
// Longer than a held read (25 s). A pane reconnects if its stream was idle for this time.
const server = createServer({ requestTimeout: 60_000, connectionsCheckingInterval: 5_000 });
server.timeout = 75_000;
try {
  // Only this machine: the pane shows all requests.
  server.listen(Number(PORT), '127.0.0.1');
  await once(server, 'listening');
} catch (error) {
  console.error(`Port ${PORT} cannot be used (${(error as NodeJS.ErrnoException).code}): set PORT to another one.`);
  process.exit(1);
}
const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

const { fetch, close, relay } = createApp(origin, fileURLToPath(new URL('site', import.meta.url)));
server.on('request', getRequestListener(fetch));

async function stop(): Promise<void> {
  close(); // Ends the streams of the pane, which the server would wait for.
  await stopServer(server, relay);
}
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, stop);

console.log(`Two phones and their relay: ${origin}/
In windows of their own:    ${origin}/sender  ${origin}/receiver  ${origin}/third  ${origin}/watch`);
