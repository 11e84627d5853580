import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { stopServer } from 'credential-relay';
import { createApp } from './app.js';

const server = createServer();
// With PORT=0 the system picks the port, so listen first.
server.listen(Number(process.env.PORT ?? 8080), 'localhost');
await once(server, 'listening');
const { port } = server.address() as AddressInfo;
const publicUrl = process.env.PUBLIC_URL ?? `http://localhost:${port}/relay`;

const { app, relay } = createApp(publicUrl);
server.on('request', getRequestListener(app.fetch));

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stopServer(server, relay));

console.log(`The relay is at ${publicUrl}
Sign in, and keep the cookie:

  curl -s -c .cache/jar http://localhost:${port}/sign-in -H 'Content-Type: application/json' -d '{"name":"Ada"}'

With -b .cache/jar you can create mailboxes; without it the relay answers 401. README.md has the rest.`);
