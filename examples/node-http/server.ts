import { stopServer } from 'credential-relay';
import { createApp } from './app.js';

const port = Number(process.env.PORT ?? 8080);
const publicUrl = process.env.PUBLIC_URL ?? `http://localhost:${port}/relay`;

const { app, relay } = createApp(publicUrl);
// Only this machine: all clients can create mailboxes.
const server = app.listen(port, 'localhost', () => console.log(`The relay is at ${publicUrl}`));

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stopServer(server, relay));
