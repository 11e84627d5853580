import { getRequestListener } from '@hono/node-server';
import type { Relay } from 'credential-relay';
import { Hono } from 'hono';
import { cloneRawRequest } from 'hono/request';
import { type Build, lookalikes, SAYS, type Site, statusOf } from './site.js';

type Mounting = (app: Hono, relay: Relay, site: Site) => void;

/**
 * A route for what is the relay's, which leaves all else to the host. A body that the host has parsed is not there for
 * anyone after it; `cloneRawRequest` makes the request anew from what Hono keeps of it.
 */
export const byRoute: Mounting = (app, relay, { prefix, body }) => {
  app.all(`${prefix}/:version{[vV][0-9]+}/:m{[mM]}/*`, async (context) =>
    relay.fetch(body === 'parsed' ? await cloneRawRequest(context.req) : context.req.raw),
  );
};

/** `app.mount` strips the prefix, and hands over all that is below it. */
export const byMount: Mounting = (app, relay, { prefix }) => app.mount(prefix, relay.fetch);

/** Hono on @hono/node-server, by any of the ways to mount. */
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
