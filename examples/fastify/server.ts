import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { stopServer } from 'credential-relay';
import { createApp } from './app.js';

// With PORT=0 the system picks the port, so listen first. With a fixed port, `app.listen({ port })` is enough.
const server = createServer();
server.listen(Number(process.env.PORT ?? 8080), 'localhost');
await once(server, 'listening');
const { port } = server.address() as AddressInfo;
const publicUrl = process.env.PUBLIC_URL ?? `http://localhost:${port}/relay`;

const { app, relay } = createApp(publicUrl);
await app.ready();
server.on('request', app.routing);

async function stop(): Promise<void> {
  await stopServer(server, relay);
  await app.close();
}
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, stop);

console.log(`The relay is at ${publicUrl}
Sign in, and keep the cookie:

  curl -s -c .cache/jar http://localhost:${port}/sign-in -H 'Content-Type: application/json' -d '{"name":"Ada"}'

With -b .cache/jar you can create mailboxes; without it the relay answers 401. README.md has the rest.`);
