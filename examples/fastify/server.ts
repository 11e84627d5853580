import { stopServer } from 'credential-relay';
import { createApp } from './app.js';

const port = Number(process.env.PORT ?? 8080);
const publicUrl = process.env.PUBLIC_URL ?? `http://localhost:${port}/relay`;

const { app, relay } = createApp(publicUrl);

async function stop(): Promise<void> {
  await stopServer(app.server, relay); // First: `app.close()` would wait for held reads.
  await app.close();
}
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, stop);

await app.listen({ port });
console.log(`The relay is at ${publicUrl}
Sign in, and keep the cookie:

  curl -s -c .cache/jar http://localhost:${port}/sign-in -H 'Content-Type: application/json' -d '{"name":"Ada"}'

With -b .cache/jar you can create mailboxes; without it the relay answers 401. README.md has the rest.`);
