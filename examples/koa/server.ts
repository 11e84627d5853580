import { createApp } from './app.js';

const port = Number(process.env.PORT ?? 8080);
const publicUrl = process.env.PUBLIC_URL ?? `http://localhost:${port}/relay`;

const { app, relay } = createApp(publicUrl);
const server = app.listen(port, () => console.log(`The relay is at ${publicUrl}`));

process.once('SIGTERM', async () => {
  await relay.drain(); // Ends the reads that are held, which the server would wait for.
  server.close();
  await relay.close();
});
