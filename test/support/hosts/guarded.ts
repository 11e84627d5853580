/** Hosts with a guard on the path of the relay, in the usual way of each host. */
import { createServer, type RequestListener, request as sendRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import Router from '@koa/router';
import type { Relay } from 'credential-relay';
import { relayRouter } from 'credential-relay/koa';
import express5, { type Express, type RequestHandler } from 'express';
import createFastify from 'fastify';
import { Hono } from 'hono';
import Koa from 'koa';
import mount from 'koa-mount';
import { express4 } from './express.js';
import type { Prefix } from './site.js';

/** The answers of the closed guard and of the host's fallback. */
export const GUARDED = 'guarded';
export const MISSING = 'the host has no such page';

/** A guard on all paths below the prefix. */
export interface Gate {
  readonly prefix: Prefix;
  isOpen: boolean;
  readonly toClose: Array<() => unknown>;
}

/** A host with the relay behind a guard. */
export interface GuardedHost {
  readonly name: string;
  readonly prefix: Prefix;
  /** True if the relay also receives requests for other paths, and leaves them to the host. */
  readonly seesAll: boolean;
  readonly mountPath?: string;
  readonly build: (relay: Relay, gate: Gate) => RequestListener | Promise<RequestListener>;
}

const isBelow = (path: string, { prefix }: Gate): boolean =>
  path === UNREADABLE || path === prefix || path.startsWith(`${prefix}/`);

/**
 * The path that a guard should check, from the parsed target, which may be a whole URL. Node also accepts invalid URLs,
 * such as a port of 99999. A guard has to refuse a target that it cannot parse.
 */
function pathOf(target = '/'): string {
  return URL.canParse(target, 'http://localhost') ? new URL(target, 'http://localhost').pathname : UNREADABLE;
}

const UNREADABLE = '';

const answering: RequestListener = (_request, response) => void response.writeHead(404).end(MISSING);

const koaGuard =
  (gate: Gate): Koa.Middleware =>
  async (ctx, next) => {
    if (gate.isOpen) return next();
    ctx.status = 403;
    ctx.body = GUARDED;
  };

const expressGuard =
  (gate: Gate): RequestHandler =>
  (_request, response, next) => {
    if (gate.isOpen) next();
    else response.status(403).send(GUARDED);
  };

function koaApp(add: (app: Koa) => unknown): RequestListener {
  const app = new Koa();
  app.silent = true;
  add(app);
  app.use((ctx) => {
    ctx.status = 404;
    ctx.body = MISSING;
  });
  return app.callback();
}

function expressApp(express: typeof express5, add: (app: Express) => unknown): RequestListener {
  const app = express();
  add(app);
  app.use(answering);
  return app;
}

const expressRoot = (express: typeof express5, relay: Relay, gate: Gate): RequestListener =>
  expressApp(express, (app) => {
    app.use((request, response, next) => {
      if (isBelow(request.path, gate)) expressGuard(gate)(request, response, next);
      else next();
    });
    app.use(relay.node());
  });

const expressMounted = (express: typeof express5, relay: Relay, gate: Gate): RequestListener =>
  expressApp(express, (app) => app.use(gate.prefix, expressGuard(gate), relay.node()));

async function fastifyApp(relay: Relay, gate: Gate): Promise<RequestListener> {
  const app = createFastify();
  const handle = relay.node();
  app.addHook('onRequest', (request, reply, done) => {
    if (isBelow(pathOf(request.raw.url), gate) && !gate.isOpen) reply.status(403).send(GUARDED);
    else done();
  });
  app.addHook('onRequest', (request, reply, done) => handle(request.raw, reply.raw, () => done()));
  app.setNotFoundHandler((_request, reply) => reply.status(404).send(MISSING));
  await app.ready();
  return (request, response) => app.routing(request, response);
}

function honoApp(gate: Gate, add: (app: Hono) => unknown): RequestListener {
  const app = new Hono();
  app.use(`${gate.prefix}/*`, async (c, next) => {
    if (!gate.isOpen) return c.text(GUARDED, 403);
    await next();
  });
  add(app);
  app.notFound((c) => c.text(MISSING, 404));
  return getRequestListener(app.fetch);
}

function nodeServer(relay: Relay, gate: Gate): RequestListener {
  const handle = relay.node();
  return (request, response) => {
    if (isBelow(pathOf(request.url), gate) && !gate.isOpen) response.writeHead(403).end(GUARDED);
    else handle(request, response, () => answering(request, response));
  };
}

/** A proxy with a guard. Removes the prefix from the path, and forwards only paths below the prefix. */
async function proxied(relay: Relay, gate: Gate): Promise<RequestListener> {
  const behind = createServer(relay.node());
  await new Promise<void>((resolve) => behind.listen(0, '127.0.0.1', resolve));
  gate.toClose.push(() => behind.close());
  const { port } = behind.address() as AddressInfo;
  return (request, response) => {
    const path = pathOf(request.url);
    if (!path.startsWith(`${gate.prefix}/`)) return answering(request, response);
    if (!gate.isOpen) return void response.writeHead(403).end(GUARDED);
    const { method, headers } = request;
    const options = { host: '127.0.0.1', port, method, headers, path: path.slice(gate.prefix.length) };
    request.pipe(
      sendRequest(options, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      }),
    );
  };
}

/** Every mount form, with a guard. */
export const GUARDED_HOSTS: readonly GuardedHost[] = [
  {
    name: 'koa',
    prefix: '/relay',
    seesAll: true,
    build: (relay, gate) =>
      koaApp((app) =>
        app
          .use((ctx, next) => (isBelow(ctx.path, gate) ? koaGuard(gate)(ctx, next) : next()))
          .use((ctx, next) => relay.koa()(ctx, next)),
      ),
  },
  {
    name: 'koa-mount',
    prefix: '/relay',
    seesAll: false,
    build: (relay, gate) =>
      koaApp((app) =>
        app.use(mount(gate.prefix, koaGuard(gate))).use(mount(gate.prefix, (ctx, next) => relay.koa()(ctx, next))),
      ),
  },
  {
    name: '@koa/router',
    prefix: '/relay',
    seesAll: true,
    build: (relay, gate) =>
      koaApp((app) => app.use(new Router().use(gate.prefix, koaGuard(gate), relayRouter(relay).routes()).routes())),
  },
  {
    name: '@koa/router in @koa/router',
    prefix: '/api/relay',
    seesAll: true,
    build: (relay, gate) =>
      koaApp((app) => {
        const inner = new Router().use('/relay', koaGuard(gate), relayRouter(relay).routes());
        app.use(new Router().use('/api', inner.routes()).routes());
      }),
  },
  {
    name: 'express 4',
    prefix: '/relay',
    seesAll: false,
    build: (relay, gate) => expressMounted(express4, relay, gate),
  },
  {
    name: 'express 5',
    prefix: '/relay',
    seesAll: false,
    build: (relay, gate) => expressMounted(express5, relay, gate),
  },
  {
    name: 'express 4 at the root',
    prefix: '/relay',
    seesAll: true,
    build: (relay, gate) => expressRoot(express4, relay, gate),
  },
  {
    name: 'express 5 at the root',
    prefix: '/relay',
    seesAll: true,
    build: (relay, gate) => expressRoot(express5, relay, gate),
  },
  {
    name: 'Router in Router of express',
    prefix: '/api/relay',
    seesAll: false,
    build: (relay, gate) =>
      expressApp(express5, (app) => {
        const inner = express5.Router().use('/relay', expressGuard(gate), relay.node());
        app.use('/api', express5.Router().use(inner));
      }),
  },
  {
    name: 'koa in express',
    prefix: '/relay',
    seesAll: false,
    build: (relay, gate) =>
      expressApp(express5, (app) => {
        app.use(
          gate.prefix,
          expressGuard(gate),
          koaApp((inner) => inner.use((ctx, next) => relay.koa()(ctx, next))),
        );
      }),
  },
  { name: 'fastify', prefix: '/relay', seesAll: true, build: fastifyApp },
  { name: 'node:http', prefix: '/relay', seesAll: true, build: nodeServer },
  {
    name: 'fetch',
    prefix: '/relay',
    seesAll: true,
    build: (relay, gate) =>
      getRequestListener(async (request) => {
        if (isBelow(pathOf(request.url), gate) && !gate.isOpen) return new Response(GUARDED, { status: 403 });
        const answer = await relay.fetch(request);
        return answer.status === 404 ? new Response(MISSING, { status: 404 }) : answer;
      }),
  },
  {
    name: 'hono',
    prefix: '/relay',
    seesAll: false,
    build: (relay, gate) => honoApp(gate, (app) => app.all(`${gate.prefix}/*`, (c) => relay.fetch(c.req.raw, c))),
  },
  {
    name: 'hono that strips the prefix',
    prefix: '/relay',
    seesAll: false,
    mountPath: '/',
    build: (relay, gate) => honoApp(gate, (app) => app.mount(gate.prefix, relay.fetch)),
  },
  { name: 'a proxy that strips the prefix', prefix: '/relay', seesAll: false, mountPath: '/', build: proxied },
];
