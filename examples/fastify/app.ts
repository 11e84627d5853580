import { randomUUID } from 'node:crypto';
import { createRelay, type NodeHostRequest, type Relay, RelayError } from 'credential-relay';
import createFastify, { type FastifyInstance } from 'fastify';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who has signed in; the app's own. */
    user: string | undefined;
  }
}

/**
 * A Fastify app with the relay in it: whoever has signed in may leave mailboxes, anybody may open the links.
 * `publicUrl` is where devices reach the relay, such as https://example.com/relay.
 */
export function createApp(publicUrl: string): { readonly app: FastifyInstance; readonly relay: Relay } {
  const app = createFastify();
  addSignIn(app);

  const relay = createRelay({
    publicUrl,
    authenticate({ host }) {
      if (host.req?.user === undefined) throw new RelayError('token_required');
      return { app: 'front-desk', via: ['session'] }; // the app, never the person
    },
  });
  const handle = relay.node();
  // A hook, not a route: before a route is called, Fastify has read the body.
  app.addHook('onRequest', (request, reply, done) => {
    const raw: NodeHostRequest = request.raw;
    raw.user = request.user; // The relay's hooks see the raw request, which knows nothing of Fastify's own.
    handle(raw, reply.raw, () => done());
  });

  // What is not the relay's comes through to the app's own routes.
  app.get('/', async () => 'The front desk.');
  return { app, relay };
}

/** A session by cookie, in the place of @fastify/session and its like, which work in an `onRequest` hook as well. */
function addSignIn(app: FastifyInstance): void {
  const sessions = new Map<string, string>();
  app.decorateRequest('user', undefined);
  app.addHook('onRequest', async (request) => {
    const [, session = ''] = /(?:^|; )session=([^;]+)/.exec(request.headers.cookie ?? '') ?? [];
    request.user = sessions.get(session);
  });
  // Whoever gives a name is let in here, where your app asks for more.
  app.post<{ Body: { name: string } }>('/sign-in', async ({ body }, reply) => {
    const session = randomUUID();
    sessions.set(session, body.name);
    reply.header('Set-Cookie', `session=${session}; Path=/; HttpOnly; SameSite=Strict`);
    return `Welcome, ${body.name}.`;
  });
}
