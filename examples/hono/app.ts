import { randomUUID } from 'node:crypto';
import { createRelay, type Relay, RelayError } from 'credential-relay';
import { type Context, Hono } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';

/** What the app's own middleware puts into Hono's context. */
interface Env {
  readonly Variables: { user: string | undefined };
}

/**
 * A Hono app with the relay in it: whoever has signed in may leave mailboxes, anybody may open the links. `publicUrl` is
 * where devices reach the relay, and ends in the path of the route.
 */
export function createApp(publicUrl: string): { readonly app: Hono<Env>; readonly relay: Relay } {
  const app = new Hono<Env>();
  addSignIn(app);

  const relay = createRelay({
    publicUrl,
    authenticate({ host }) {
      const c = host.env as Context<Env>; // what `relay.fetch` is given beside the request
      if (c.get('user') === undefined) throw new RelayError('token_required');
      return { app: 'front-desk', via: ['session'] }; // the app, never the person
    },
  });
  app.all('/relay/*', (c) => relay.fetch(c.req.raw, c)); // before middleware that reads bodies

  app.get('/', (c) => c.text('The front desk.'));
  return { app, relay };
}

/** A session by cookie, in the place of whatever middleware of sessions your app has. */
function addSignIn(app: Hono<Env>): void {
  const sessions = new Map<string, string>();
  app.use(async (c, next) => {
    c.set('user', sessions.get(getCookie(c, 'session') ?? ''));
    await next();
  });
  // Whoever gives a name is let in here, where your app asks for more.
  app.post('/sign-in', async (c) => {
    const { name } = await c.req.json<{ name: string }>();
    const session = randomUUID();
    sessions.set(session, name);
    setCookie(c, 'session', session, { path: '/', httpOnly: true, sameSite: 'Strict' });
    return c.text(`Welcome, ${name}.`);
  });
}
