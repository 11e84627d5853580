import { createRelay, type Relay } from 'credential-relay';
import Koa from 'koa';

/** A Koa app with the relay in it. `publicUrl` is where devices reach the relay, such as https://example.com/relay. */
export function createApp(publicUrl: string): { readonly app: Koa; readonly relay: Relay } {
  const app = new Koa();

  const relay = createRelay({ publicUrl });
  app.use(relay.koa()); // before body parsers

  // What is not the relay's comes through to the app's own routes.
  app.use((ctx) => {
    if (ctx.path === '/') ctx.body = 'The front desk.';
  });
  return { app, relay };
}
