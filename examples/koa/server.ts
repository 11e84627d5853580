import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { stopServer } from 'credential-relay';
import { createApp } from './app.js';

const server = createServer();
// Only this machine: all clients can create mailboxes. With PORT=0 the system picks the port, so listen first.
server.listen(Number(process.env.PORT ?? 8080), 'localhost');
await once(server, 'listening');
const { port } = server.address() as AddressInfo;
const publicUrl = process.env.PUBLIC_URL ?? `http://localhost:${port}/relay`;

const { app, relay } = createApp(publicUrl);
server.on('request', app.callback());
console.log(`The relay is at ${publicUrl}`);

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stopServer(server, relay));
