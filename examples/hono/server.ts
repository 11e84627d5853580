import { createServer } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { createApp } from './app.js';

const port = Number(process.env.PORT ?? 8080);
const publicUrl = process.env.PUBLIC_URL ?? `http://localhost:${port}/relay`;

const { app, relay } = createApp(publicUrl);
const server = createServer(getRequestListener(app.fetch));

process.once('SIGTERM', async () => {
  await relay.drain();
  server.close();
  // A connection whose request was under way is idle after it, and Node would keep it for a next request.
  setInterval(() => server.closeIdleConnections(), 50).unref();
  await relay.close();
});

server.listen(port, () => {
  console.log(`The relay is at ${publicUrl}
Sign in, and keep the cookie:

  curl -s -c .cache/jar http://localhost:${port}/sign-in -H 'Content-Type: application/json' -d '{"name":"Ada"}'

With -b .cache/jar you may leave mailboxes; without it the relay answers 401. README.md has the rest.`);
});
