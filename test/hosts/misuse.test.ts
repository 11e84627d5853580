/** A handler in the wrong host, or a method in place of a handler: the host gets an error that names the right form. */
import { createServer, type RequestListener } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import Router from '@koa/router';
import { createRelay, type Relay, type RelayEventMap } from 'credential-relay';
import { relayRouter } from 'credential-relay/koa';
import express, { type ErrorRequestHandler, type Express } from 'express';
import createFastify, { type FastifyInstance } from 'fastify';
import { Hono } from 'hono';
import Koa from 'koa';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { express4 } from '../support/hosts/express.js';
import { openServer } from '../support/hosts/server.js';
import { newDevice } from '../support/protocol/device.js';
import { send } from '../support/protocol/http.js';

const toClose: Array<() => unknown> = [];

afterEach(async () => {
  for (const close of toClose.splice(0)) await close();
});

/** A host in whose place the types would refuse the handler. */
// biome-ignore lint/suspicious/noExplicitAny: the tests pass what the types refuse.
type Anything = any;

/** Errors that the host's own error handler received. */
type Heard = (error: unknown) => void;
type Mount = (relay: Relay, heard: Heard) => RequestListener | Promise<RequestListener>;

function koa(add: (app: Anything, relay: Relay) => unknown): Mount {
  return (relay, heard) => {
    const app = new Koa().on('error', heard);
    add(app, relay);
    return app.callback();
  };
}

const expressApp =
  (create: () => Express) =>
  (add: (app: Anything, relay: Relay) => unknown): Mount =>
  (relay, heard) => {
    const app = create();
    add(app, relay);
    const onError: ErrorRequestHandler = (error, _request, response, _next) => {
      heard(error);
      response.status(500).end();
    };
    return app.use(onError);
  };
const express5App = expressApp(express);
const express4App = expressApp(express4);

function hono(add: (app: Anything, relay: Relay) => unknown): Mount {
  return (relay, heard) => {
    const app = new Hono().onError((error, c) => {
      heard(error);
      return c.text('', 500);
    });
    add(app, relay);
    return getRequestListener(app.fetch);
  };
}

function fastify(add: (app: FastifyInstance & Anything, relay: Relay) => unknown): Mount {
  return async (relay, heard) => {
    const app = createFastify();
    app.setErrorHandler((error, _request, reply) => {
      heard(error);
      return reply.status(500).send('');
    });
    add(app, relay);
    await app.ready();
    return (request, response) => app.routing(request, response);
  };
}

/** node:http has no error handler: the answer is all that the developer sees. */
const node =
  (pick: (relay: Relay) => Anything): Mount =>
  (relay) =>
    pick(relay);

const KOA = 'app.use(relay.koa())';
const EXPRESS = 'app.use(relay.node())';
const NODE = 'createServer(relay.node())';
const FASTIFY = "app.addHook('onRequest', (request, reply, done) => handle(request.raw, reply.raw, () => done()))";
const HONO = "app.all('/relay/*', (c) => relay.fetch(c.req.raw, c))";

/** The called expression, the host, the right form, and the wrong mount. */
const WRONG: ReadonlyArray<readonly [called: string, host: string, form: string, mount: Mount]> = [
  ['relay.node()', 'Koa', KOA, koa((app, relay) => app.use(relay.node()))],
  ['relay.node', 'Koa', KOA, koa((app, relay) => app.use(relay.node))],
  ['relay.koa', 'Koa', KOA, koa((app, relay) => app.use(relay.koa))],
  ['relay.fetch', 'Koa', KOA, koa((app, relay) => app.use(relay.fetch))],
  ['relay', 'Koa', KOA, koa((app, relay) => app.use(relay))],
  ['relay.wellKnown', 'Koa', 'app.use(relay.wellKnown().koa())', koa((app, relay) => app.use(relay.wellKnown))],
  ['relay.wellKnown()', 'Koa', 'app.use(relay.wellKnown().koa())', koa((app, relay) => app.use(relay.wellKnown()))],
  ...[express4App, express5App].flatMap((app) => [
    ['relay.koa()', 'Express', EXPRESS, app((to, relay) => to.use(relay.koa()))] as const,
    ['relay.koa()', 'Express', EXPRESS, app((to, relay) => to.use('/relay', relay.koa()))] as const,
    ['relay.koa', 'Express', EXPRESS, app((to, relay) => to.use(relay.koa))] as const,
    ['relay.node', 'Express', EXPRESS, app((to, relay) => to.use('/relay', relay.node))] as const,
    ['relay.fetch', 'Express', EXPRESS, app((to, relay) => to.use(relay.fetch))] as const,
    ['relay', 'Express', EXPRESS, app((to, relay) => to.use(relay))] as const,
    [
      'relay.wellKnown()',
      'Express',
      'app.use(relay.wellKnown().node())',
      app((to, relay) => to.use(relay.wellKnown())),
    ] as const,
  ]),
  ['relay.node', 'node:http', NODE, node((relay) => relay.node)],
  ['relay.koa', 'node:http', NODE, node((relay) => relay.koa)],
  ['relay.koa()', 'node:http', NODE, node((relay) => relay.koa())],
  ['relay.fetch', 'node:http', NODE, node((relay) => relay.fetch)],
  ['relay', 'node:http', NODE, node((relay) => relay)],
  ['relay.node()', 'Fastify', FASTIFY, fastify((app, relay) => app.addHook('onRequest', relay.node()))],
  ['relay.node()', 'Fastify', FASTIFY, fastify((app, relay) => app.get('/*', relay.node()))],
  ['relay.fetch', 'Fastify', FASTIFY, fastify((app, relay) => app.get('/*', relay.fetch))],
  ['relay.node()', 'Hono', HONO, hono((app, relay) => app.use(relay.node()))],
  ['relay.koa()', 'Hono', HONO, hono((app, relay) => app.use(relay.koa()))],
  ['relay.fetch', 'Hono', HONO, hono((app, relay) => app.all('/*', relay.fetch))],
  ['relay', 'Hono', HONO, hono((app, relay) => app.use(relay))],
  ['relay.node()', 'hosts of the fetch API', 'relay.fetch', hono((app, relay) => app.mount('/relay', relay.node()))],
];

describe('a host that calls the wrong handler gets an error with the right form:', () => {
  test.each(WRONG)('%s in %s', async (called, host, form, mount) => {
    const { server, origin, close } = await openServer();
    toClose.push(close);
    const warned: RelayEventMap['relay.warned'][] = [];
    const errors: unknown[] = [];
    const relay = createRelay({ publicUrl: `${origin}/relay` });
    relay.on('relay.warned', (event) => void (event.warning === 'wrong_handler' && warned.push(event)));
    server.on('request', await mount(relay, (error) => void errors.push(error)));

    for (const url of [`${origin}/relay/v1/m`, `${origin}/relay/`]) {
      const answer = await send({ method: 'GET', url });
      expect(answer.status).toBe(500);
      if (host === 'node:http') errors.push(new TypeError(answer.json.detail));
    }
    expect(errors.length).toBe(2);
    for (const error of errors) expect(error).toBeInstanceOf(TypeError);
    const [message] = errors.map((error) => (error as Error).message);
    expect(message?.startsWith(`${called} is no handler for ${host}`)).toBe(true);
    expect(message).toContain(form);
    expect(warned).toEqual([{ type: 'relay.warned', warning: 'wrong_handler', message }]);
  });

  test.each([
    ['Express 4', express4App],
    ['Express 5', express5App],
  ])('relayRouter(relay).routes() in %s', async (_name, app) => {
    const { server, origin, close } = await openServer();
    toClose.push(close);
    const errors: unknown[] = [];
    const mount = app((to, relay) => to.use(relayRouter(relay).routes()));
    const relay = createRelay({ publicUrl: `${origin}/relay` });
    server.on('request', await mount(relay, (error) => void errors.push(error)));
    for (const path of ['/relay/v1/m', '/other']) {
      expect((await send({ method: 'GET', url: origin + path })).status).toBe(500);
    }
    const message = 'relayRouter(relay).routes() is no handler for Express and Connect: use app.use(relay.node())';
    expect(errors).toEqual([new TypeError(message), new TypeError(message)]);
    expect(() => relayRouter(origin as Anything)).toThrow('relayRouter: takes a relay');
  });

  test('relay.fetch() where the host mounts it', () => {
    const relay = createRelay({ publicUrl: 'http://localhost/relay' }) as Anything;
    expect(() => express().use(relay.fetch())).toThrow(/^relay\.fetch is no handler for any host: use relay\.koa\(\)/);
    expect(() => relay.node({ trustProxy: true })).toThrow(TypeError);
  });

  const METHODS = ['ping', 'stats', 'drain', 'close', 'remove'] as const;
  const HOSTS: ReadonlyArray<readonly [host: string, mount: (method: (typeof METHODS)[number]) => Mount]> = [
    ['Koa', (method) => koa((app, relay) => app.use(relay[method]))],
    ['Express and Connect', (method) => express4App((app, relay) => app.get('/health', relay[method]))],
    ['Express and Connect', (method) => express5App((app, relay) => app.get('/health', relay[method]))],
    ['Fastify', (method) => fastify((app, relay) => app.get('/health', relay[method]))],
    ['Hono', (method) => hono((app, relay) => app.get('/health', relay[method]))],
    ['node:http', (method) => node((relay) => relay[method])],
  ];

  test.each(
    HOSTS.flatMap(([host, mount]) => METHODS.map((method) => [`relay.${method}`, host, mount(method)] as const)),
  )('%s, a method for operators, in %s', async (called, host, mount) => {
    const { server, origin, close } = await openServer();
    toClose.push(close);
    const errors: unknown[] = [];
    const relay = createRelay({ publicUrl: `${origin}/relay` });
    server.on('request', await mount(relay, (error) => void errors.push(error)));
    const answer = await send({ method: 'GET', url: `${origin}/health` });
    expect(answer.status).toBe(500);
    if (host === 'node:http') errors.push(new TypeError(answer.json.detail));
    const message = `${called} is no handler for ${host}: call ${called}() in a handler of your own`;
    expect(errors.map(String)).toEqual([`TypeError: ${message}`]);
    // The relay still works: the method did not run.
    expect(relay.stats()).toEqual({ waiters: 0, pushes: 0 });
  });

  test('the methods for operators take the arguments of other callers', async () => {
    const relay = createRelay({ publicUrl: 'http://localhost/relay' }) as Anything;
    expect(relay.stats(1, 2)).toEqual({ waiters: 0, pushes: 0 });
    await relay.ping('SIGUSR2');
    await relay.close('SIGTERM', 15);
  });

  test('relayRouter(relay).routes, without the call', async () => {
    const { server, origin, close } = await openServer();
    toClose.push(close);
    const errors: unknown[] = [];
    const mount = koa((app, relay) => app.use(relayRouter(relay).routes as Anything));
    const relay = createRelay({ publicUrl: `${origin}/relay` });
    server.on('request', await mount(relay, (error) => void errors.push(error)));
    expect((await send({ method: 'GET', url: `${origin}/relay/v1/m` })).status).toBe(500);
    expect(String(errors)).toBe('TypeError: relayRouter(relay).routes is no handler for Koa: use app.use(relay.koa())');
  });

  test('the request of Hono in place of its raw request', async () => {
    const relay = createRelay({ publicUrl: 'http://localhost/relay' }) as Anything;
    const app = new Hono().onError((error, c) => c.text(error.message, 500));
    app.all('/*', (c) => relay.fetch(c.req));
    const answer = await app.request('http://localhost/relay/v1/m', { method: 'POST' });
    expect(await answer.text()).toBe(`relay.fetch is no handler for Hono: use ${HONO}`);
  });

  test.each([
    ['Koa', koa((app, relay) => app.use((ctx: Anything) => relay.node()(ctx.req, ctx.res)))],
    [
      'an async hook of Fastify',
      fastify((app, relay) => {
        const handle = relay.node();
        app.addHook('onRequest', async (request: Anything, reply: Anything) => handle(request.raw, reply.raw));
      }),
    ],
  ])('%s that does not wait for relay.node() is told', async (_name, mount) => {
    const { server, origin, close } = await openServer();
    toClose.push(close);
    const relay = createRelay({ publicUrl: `${origin}/relay` });
    const warned = new Promise<string>((resolve) => {
      relay.on('relay.warned', ({ warning, message }) => void (warning === 'wrong_handler' && resolve(message)));
    });
    server.on('request', await mount(relay, () => undefined));
    await newDevice().create(`${origin}/relay`);
    expect(await warned).toContain(
      'The host answered a request before relay.node() did. For Koa use app.use(relay.koa())',
    );
  });

  test('relay.koa() works without next', async () => {
    const { server, origin, close } = await openServer();
    toClose.push(close);
    const relay = createRelay({ publicUrl: `${origin}/relay` });
    server.on('request', new Koa().use((ctx) => relay.koa()(ctx)).callback());
    expect((await newDevice().create(`${origin}/relay`)).status).toBe(200);
    expect((await send({ method: 'GET', url: `${origin}/other` })).status).toBe(404);
  });

  test('relay.node() as a plugin of Fastify', async () => {
    const relay = createRelay({ publicUrl: 'http://localhost/relay' }) as Anything;
    const app = createFastify().register(relay.node());
    await expect(app.ready()).rejects.toThrow('relay.node() is no handler for Fastify');
  });
});

test('the types refuse the wrong mounts', () => {
  const relay = createRelay({ publicUrl: 'http://localhost/relay' });
  const mounts = (): void => {
    // @ts-expect-error a method in place of a handler
    new Koa().use(relay.koa);
    // @ts-expect-error a handler for node:http
    new Koa().use(relay.node());
    // @ts-expect-error the relay itself
    new Koa().use(relay);
    // @ts-expect-error a method in place of a handler
    new Koa().use(relay.wellKnown);
    // @ts-expect-error a method in place of a handler
    express().use(relay.node);
    // @ts-expect-error a handler for Koa
    express().use('/relay', relay.koa());
    // @ts-expect-error the relay itself
    express().use(relay);
    // @ts-expect-error a method in place of a handler
    createServer(relay.node);
    // @ts-expect-error a method in place of a handler
    createServer(relay.koa);
    // @ts-expect-error a handler for hosts of the fetch API
    createServer(relay.fetch);
    // @ts-expect-error the relay itself
    createServer(relay);
    // @ts-expect-error a handler for node:http
    new Hono().use(relay.node());
    // @ts-expect-error a call in place of the handler
    new Hono().mount('/relay', relay.fetch());
    // @ts-expect-error a router in place of its routes
    new Koa().use(relayRouter(relay));
    // @ts-expect-error a router in place of its routes
    new Router().use('/relay', relayRouter(relay));
  };
  expect(mounts).toBeTypeOf('function');
});

describe('a mount that disagrees with the options', () => {
  const MOUNTS: ReadonlyArray<readonly [name: string, publicPath: string, mount: (relay: Relay) => RequestListener]> = [
    ['express, publicUrl without the prefix', '', (relay) => express().use('/relay', relay.node())],
    ['express, another prefix', '/api', (relay) => express().use('/relay', relay.node())],
    ['koa, publicUrl without the prefix', '', (relay) => new Koa().use(relay.koa()).callback()],
    ['node:http, another prefix', '/api', (relay) => relay.node()],
    ['fetch, another prefix', '/api', (relay) => getRequestListener((request) => relay.fetch(request))],
  ];

  test.each(MOUNTS)('%s: a device causes one warning, and stray requests cause none', async (_name, path, mount) => {
    const { server, origin, close } = await openServer();
    toClose.push(close);
    let now = 1_700_000_000_000;
    const warned: RelayEventMap['relay.warned'][] = [];
    const relay = createRelay({ publicUrl: origin + path, clock: () => now });
    relay.on('relay.warned', (event) => void (event.warning === 'mount_path' && warned.push(event)));
    server.on('request', mount(relay));
    const url = `${origin}/relay`;
    for (const stray of ['/v1/m', '/v1/m/x', '/other']) await send({ method: 'GET', url: url + stray });
    expect(warned).toEqual([]);
    for (let device = 0; device < 3; device += 1) expect((await newDevice().create(url)).status).toBe(404);
    await vi.waitFor(() => expect(warned.length).toBe(1));
    expect(warned[0]?.message).toContain(`answers below ${path === '' ? '/' : path} only`);
    now += 11 * 60_000;
    await newDevice().create(url);
    await vi.waitFor(() => expect(warned.length).toBe(2));
  });

  test.each(MOUNTS)('%s: the preflight of a browser causes the warning', async (_name, path, mount) => {
    const { server, origin, close } = await openServer();
    toClose.push(close);
    const relay = createRelay({ publicUrl: origin + path });
    const warned = new Promise((resolve) => {
      relay.on('relay.warned', ({ warning }) => void (warning === 'mount_path' && resolve(warning)));
    });
    server.on('request', mount(relay));
    const headers = {
      Origin: 'https://app.example',
      'Access-Control-Request-Method': 'POST',
      'Access-Control-Request-Headers': 'content-type,mailbox-device-claim,mailbox-request-id',
    };
    await fetch(`${origin}/relay/v1/m`, { method: 'OPTIONS', headers });
    expect(await warned).toBe('mount_path');
  });

  test('a doubled slash is named', async () => {
    const { server, origin, close } = await openServer();
    toClose.push(close);
    const relay = createRelay({ publicUrl: `${origin}/relay` });
    server.on('request', express().use(relay.node()));
    const warned = new Promise<string>((resolve) => {
      relay.on('relay.warned', ({ warning, message }) => void (warning === 'mount_path' && resolve(message)));
    });
    expect((await newDevice().create(`${origin}/relay/`)).status).toBe(404);
    expect(await warned).toContain('doubled slash');
  });

  test('two relays in one app do not warn of requests that the other one answers', async () => {
    const { server, origin, close } = await openServer();
    toClose.push(close);
    const warned: unknown[] = [];
    const relays = ['/one', '/two'].map((path) =>
      createRelay({
        publicUrl: origin + path,
        onEvent: (event) =>
          void (event.type === 'relay.warned' && /handler|path/.test(event.warning) && warned.push(event)),
      }),
    );
    const app = express();
    for (const relay of relays) app.use(relay.node());
    server.on('request', app);
    const url = 'v1/m/2ba7b0e6-519b-41ec-bf63-0242ac130002';
    expect((await newDevice().read(`${origin}/two/${url}`)).json.code).toBe('mailbox_not_found');
    expect((await newDevice().create(`${origin}/one`)).status).toBe(200);
    expect(warned).toEqual([]);
  });
});

describe('use() of a @koa/router', () => {
  const watch = (relay: Relay): Promise<string> =>
    new Promise((resolve) => {
      relay.on('relay.warned', ({ warning, message }) => void (warning === 'mount_path' && resolve(message)));
    });

  test.each([
    ['with a path', (relay: Relay) => new Router().use('/relay', relay.koa())],
    ['without a path', (relay: Relay) => new Router().use(relay.koa())],
    ['with several paths', (relay: Relay) => new Router().use(['/relay', '/keys'], relay.koa())],
  ])('%s warns of the Koa middleware of the relay', async (_name, mount) => {
    const relay = createRelay({ publicUrl: 'http://localhost/relay' });
    mount(relay as Anything);
    expect(await watch(relay)).toContain('relayRouter(relay).routes()');
  });

  test('warns of the well-known documents', async () => {
    const relay = createRelay({ publicUrl: 'http://localhost/relay' });
    new Router().use(relay.wellKnown().koa() as Anything);
    expect(await watch(relay)).toContain('app.use(relay.wellKnown().koa())');
  });

  test('does not warn of a mount that works, nor of a package that reads the member', async () => {
    const warned: unknown[] = [];
    const relay = createRelay({
      publicUrl: 'http://localhost/relay',
      onEvent: (event) =>
        void (event.type === 'relay.warned' && /handler|path/.test(event.warning) && warned.push(event)),
    });
    new Router().use('/relay', relayRouter(relay).routes());
    const handler = relay.koa() as Anything;
    new Koa().use(handler);
    expect(handler.router).toBeUndefined();
    await new Promise((resolve) => setImmediate(resolve));
    expect(warned).toEqual([]);
  });
});
