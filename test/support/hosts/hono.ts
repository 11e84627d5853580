import { getRequestListener } from '@hono/node-server';
import type { Relay } from 'credential-relay';
import { Hono } from 'hono';
import { cloneRawRequest } from 'hono/request';
import { type Build, lookalikes, SAYS, type Site, statusOf } from './site.js';

type Mounting = (app: Hono, relay: Relay, site: Site) => void;

/**
 * A route for the paths of the relay. Hono handles all other paths. A parsed body is gone for later readers, so
 * `cloneRawRequest` rebuilds the request from Hono's copy.
 */
export const byRoute: Mounting = (app, relay, { prefix, body }) => {
  app.all(`${prefix}/:version{[vV][0-9]+}/:m{[mM]}/*`, async (context) =>
    relay.fetch(body === 'parsed' ? await cloneRawRequest(context.req) : context.req.raw),
  );
};

/** `app.mount` strips the prefix, and passes every path below the prefix. */
export const byMount: Mounting = (app, relay, { prefix }) => app.mount(prefix, relay.fetch);

/** Hono on @hono/node-server, with a mount function. */
export function buildHono(mounting: Mounting): Build {
  return (relay, site) => {
    const app = new Hono();
    app.use(async (context, next) => {
      await next();
      const { status, headers } = context.res;
      const header = (name: string): string => headers.get(name) ?? '';
      site.saw({ status, type: header('Content-Type'), requestId: header('Mailbox-Request-ID') });
    });
    app.use(async ({ req }, next) => {
      if (site.body === 'parsed' && req.header('Content-Type') === 'application/json') await req.json();
      if (site.body === 'swallowed') await req.raw.text();
      await next();
    });
    app.get('/before', (context) => context.text(SAYS.before));
    mounting(app, relay, site);
    app.get('/after', (context) => context.text(SAYS.after));
    for (const path of lookalikes(site.prefix)) app.get(path, (context) => context.text(SAYS.lookalike));
    app.post('/echo', async (context) => context.json(await context.req.json()));
    app.get('/fails', () => {
      throw new Error('secret of the host');
    });
    app.notFound((context) => context.text(SAYS.missing, 404));
    app.onError((error) => new Response(SAYS.failed, { status: statusOf(error) }));
    return getRequestListener(app.fetch);
  };
}
