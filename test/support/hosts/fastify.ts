import { text } from 'node:stream/consumers';
import type { NodeHostRequest } from 'credential-relay';
import createFastify, { type FastifyInstance } from 'fastify';
import { type Build, lookalikes, SAYS, type Site, statusOf } from './site.js';

/**
 * Unread bodies: the first hook of a request calls the relay, before Fastify reads the body. Parsed bodies: the last
 * hook before the route calls the relay, with the body on the raw request. Hooks run also for paths without a route.
 */
export const buildFastify: Build = async (relay, site) => {
  const app = createFastify();
  const handle = relay.node();
  app.addHook('onResponse', async (_request, { raw }) => {
    const header = (name: string): string => String(raw.getHeader(name) ?? '');
    site.saw({ status: raw.statusCode, type: header('Content-Type'), requestId: header('Mailbox-Request-ID') });
  });
  app.addHook('onRequest', (request, reply, done) => {
    if (request.url === '/before') reply.send(SAYS.before);
    else done();
  });
  if (site.body === 'parsed') {
    app.addHook('preHandler', (request, reply, done) => {
      const raw: NodeHostRequest = request.raw;
      raw.body = request.body;
      handle(raw, reply.raw, () => done());
    });
  } else {
    if (site.body === 'swallowed') app.addHook('onRequest', async ({ raw }) => void (await text(raw)));
    app.addHook('onRequest', (request, reply, done) => handle(request.raw, reply.raw, () => done()));
  }
  addPages(app, site);
  await app.ready();
  return (request, response) => app.routing(request, response);
};

function addPages(app: FastifyInstance, { prefix }: Site): void {
  app.get('/after', async () => SAYS.after);
  for (const path of lookalikes(prefix)) app.get(path, async () => SAYS.lookalike);
  app.post('/echo', async ({ body }) => body);
  app.get('/fails', async () => {
    throw new Error('secret of the host');
  });
  app.setNotFoundHandler((_request, reply) => reply.status(404).send(SAYS.missing));
  app.setErrorHandler((error, _request, reply) => reply.status(statusOf(error)).send(SAYS.failed));
}
