import { text } from 'node:stream/consumers';
import { bodyParser } from '@koa/bodyparser';
import Router from '@koa/router';
import type { Relay } from 'credential-relay';
import { relayRouter } from 'credential-relay/koa';
import Koa from 'koa';
import mount from 'koa-mount';
import { type Build, lookalikes, SAYS, type Site, statusOf } from './site.js';

type Mounting = (app: Koa, relay: Relay, site: Site) => void;

/** At the root of the app for every prefix, because Koa passes the whole path. */
export const byMiddleware: Mounting = (app, relay) => app.use(relay.koa());

/** koa-mount strips the prefix from the path. */
export const byMountPackage: Mounting = (app, relay, { prefix }) =>
  app.use(mount(prefix === '' ? '/' : prefix, (ctx, next) => relay.koa()(ctx, next)));

/** A nested router, which keeps the prefix in the path. */
export const byRouter: Mounting = (app, relay, { prefix }) => {
  const parent = new Router();
  parent.get('/beside', (ctx) => {
    ctx.body = 'beside';
  });
  if (prefix === '') parent.use(relayRouter(relay).routes());
  else parent.use(prefix, relayRouter(relay).routes());
  app.use(parent.routes()).use(parent.allowedMethods());
};

/** Koa, with a mount function. */
export function buildKoa(mounting: Mounting): Build {
  return (relay, site) => {
    const app = new Koa({ proxy: site.trustsProxy });
    app.silent = true; // Koa prints socket errors, such as a disconnected client.
    app.use(async (ctx, next) => {
      await next();
      const { status, response } = ctx;
      const header = (name: string): string => String(response.get(name) ?? '');
      site.saw({ status, type: header('Content-Type'), requestId: header('Mailbox-Request-ID') });
    });
    app.use(async (ctx, next) => {
      try {
        await next();
      } catch (error) {
        ctx.status = statusOf(error);
        ctx.body = SAYS.failed;
      }
    });
    if (site.body === 'parsed') app.use(bodyParser());
    if (site.body === 'swallowed') {
      app.use(async (ctx, next) => {
        await text(ctx.req);
        await next();
      });
    }
    app.use(async (ctx, next) => {
      if (ctx.path === '/before') ctx.body = SAYS.before;
      else await next();
    });
    mounting(app, relay, site);
    app.use(pagesBehind(site));
    return app.callback();
  };
}

function pagesBehind({ prefix, body }: Site): Koa.Middleware {
  const answers = new Map<string, string>([
    ['/after', SAYS.after],
    ...lookalikes(prefix).map((path) => [path, SAYS.lookalike] as const),
  ]);
  return async (ctx) => {
    if (ctx.path === '/fails') throw new Error('secret of the host');
    if (ctx.path === '/echo') ctx.body = body === 'parsed' ? ctx.request.body : JSON.parse(await text(ctx.req));
    else if (answers.has(ctx.path)) ctx.body = answers.get(ctx.path);
    else {
      ctx.status = 404;
      ctx.body = SAYS.missing;
    }
  };
}
