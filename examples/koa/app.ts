import { createRelay, type Relay } from 'credential-relay';
import Koa from 'koa';

/** A Koa app with a relay. `publicUrl` is the URL of the relay for devices, such as https://example.com/relay. */
export function createApp(publicUrl: string): { readonly app: Koa; readonly relay: Relay } {
  const app = new Koa();

  const relay = createRelay({ publicUrl });
  app.use(relay.koa()); // before body parsers

  // All other paths reach the app's routes.
  app.use((ctx) => {
    if (ctx.path === '/') ctx.body = 'The front desk.';
  });
  return { app, relay };
}
