import { randomUUID } from 'node:crypto';
import { createRelay, type Relay, RelayError } from 'credential-relay';
import { type Context, Hono } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';

/** The variables of the app's middleware in Hono's context. */
interface Env {
  readonly Variables: { user: string | undefined };
}

/**
 * A Hono app with the relay in it: only signed-in users can create mailboxes, and all devices can open links.
 * `publicUrl` is the URL of the relay for devices. It ends in the path of the route.
 */
export function createApp(publicUrl: string): { readonly app: Hono<Env>; readonly relay: Relay } {
  const app = new Hono<Env>();
  addSignIn(app);

  const relay = createRelay({
    publicUrl,
    authenticate({ host }) {
      const c = host.env as Context<Env>; // the second argument of `relay.fetch`
      if (c.get('user') === undefined) throw new RelayError('token_required');
      return { app: 'front-desk', via: ['session'] }; // the app, never the user
    },
  });
  app.all('/relay/*', (c) => relay.fetch(c.req.raw, c)); // before middleware that reads bodies

  app.get('/', (c) => c.text('The front desk.'));
  return { app, relay };
}

/** A session by cookie, in place of your session middleware. */
function addSignIn(app: Hono<Env>): void {
  const sessions = new Map<string, string>();
  app.use(async (c, next) => {
    c.set('user', sessions.get(getCookie(c, 'session') ?? ''));
    await next();
  });
  // This accepts any name. Your app checks credentials.
  app.post('/sign-in', async (c) => {
    const { name } = await c.req.json<{ name: string }>();
    const session = randomUUID();
    sessions.set(session, name);
    setCookie(c, 'session', session, { path: '/', httpOnly: true, sameSite: 'Strict' });
    return c.text(`Welcome, ${name}.`);
  });
}
