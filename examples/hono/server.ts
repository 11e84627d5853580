import { createServer } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { stopServer } from 'credential-relay';
import { createApp } from './app.js';

const port = Number(process.env.PORT ?? 8080);
const publicUrl = process.env.PUBLIC_URL ?? `http://localhost:${port}/relay`;

const { app, relay } = createApp(publicUrl);
const server = createServer(getRequestListener(app.fetch));

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stopServer(server, relay));

server.listen(port, 'localhost', () => {
  console.log(`The relay is at ${publicUrl}
Sign in, and keep the cookie:

  curl -s -c .cache/jar http://localhost:${port}/sign-in -H 'Content-Type: application/json' -d '{"name":"Ada"}'

With -b .cache/jar you can create mailboxes; without it the relay answers 401. README.md has the rest.`);
});
