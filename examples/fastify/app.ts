import { randomUUID } from 'node:crypto';
import { createRelay, type NodeHostRequest, type Relay, RelayError } from 'credential-relay';
import createFastify, { type FastifyInstance } from 'fastify';

declare module 'fastify' {
  interface FastifyRequest {
    /** The signed-in user. */
    user: string | undefined;
  }
}

/**
 * A Fastify app with the relay in it: only signed-in users can create mailboxes, and all devices can open links.
 * `publicUrl` is the URL of the relay for devices, such as https://example.com/relay. Your plugins, such as
 * @fastify/cors, are registered in `app` already.
 */
export function createApp(
  publicUrl: string,
  app: FastifyInstance = createFastify(),
): { readonly app: FastifyInstance; readonly relay: Relay } {
  addSignIn(app);

  const relay = createRelay({
    publicUrl,
    authenticate({ host }) {
      if (host.req?.user === undefined) throw new RelayError('token_required');
      return { app: 'front-desk', via: ['session'] }; // the app, never the user
    },
  });
  const handle = relay.node();
  // Not a route: Fastify reads the body before it calls a route.
  app.addHook('onRequest', (request, reply, done) => {
    const raw: NodeHostRequest = request.raw;
    raw.user = request.user; // The relay's hooks get the raw request, without Fastify's properties.
    // Fastify's plugins, such as @fastify/cors, set headers of Fastify's reply. The relay answers the raw response.
    for (const [name, value] of Object.entries(reply.getHeaders()))
      if (value !== undefined) reply.raw.setHeader(name, value);
    handle(raw, reply.raw, () => done());
  });

  // All other paths reach the app's routes.
  app.get('/', async () => 'The front desk.');
  return { app, relay };
}

/** A session by cookie, in place of @fastify/session, which works in an `onRequest` hook as well. */
function addSignIn(app: FastifyInstance): void {
  const sessions = new Map<string, string>();
  app.decorateRequest('user', undefined);
  app.addHook('onRequest', async (request) => {
    const [, session = ''] = /(?:^|; )session=([^;]+)/.exec(request.headers.cookie ?? '') ?? [];
    request.user = sessions.get(session);
  });
  // This accepts any name. Your app checks credentials.
  app.post<{ Body: { name: string } }>('/sign-in', async ({ body }, reply) => {
    const session = randomUUID();
    sessions.set(session, body.name);
    reply.header('Set-Cookie', `session=${session}; Path=/; HttpOnly; SameSite=Strict`);
    return `Welcome, ${body.name}.`;
  });
}
