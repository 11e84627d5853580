import { createApp } from './app.js';

const port = Number(process.env.PORT ?? 8080);
const publicUrl = process.env.PUBLIC_URL ?? `http://localhost:${port}/relay`;

createApp(publicUrl).listen(port, () => console.log(`The relay is at ${publicUrl}`));
