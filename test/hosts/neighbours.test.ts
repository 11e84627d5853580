/** Several relays in one app, and nested routers: the relays share no mailboxes, and answer only their own paths. */
import { randomUUID } from 'node:crypto';
import type { RequestListener } from 'node:http';
import Router from '@koa/router';
import { createRelay, type Relay } from 'credential-relay';
import { relayRouter } from 'credential-relay/koa';
import Koa from 'koa';
import { afterEach, describe, expect, test } from 'vitest';
import { expectPage, expectProblem } from '../support/hosts/expect.js';
import { buildExpress4, buildExpress5, mountAtRoot, mountByExpress } from '../support/hosts/express.js';
import { buildHono, byMount, byRoute } from '../support/hosts/hono.js';
import { buildKoa, byMiddleware, byMountPackage, byRouter } from '../support/hosts/koa.js';
import { openServer } from '../support/hosts/server.js';
import type { Site } from '../support/hosts/site.js';
import { createBody, somePayload } from '../support/protocol/bodies.js';
import { createShare, newDevice, operation } from '../support/protocol/device.js';
import { send } from '../support/protocol/http.js';

type Tenants = readonly [one: Relay, two: Relay];
type TwoTenants = (tenants: Tenants, site: Site) => RequestListener | Promise<RequestListener>;

const ONE = '/one';
const TWO = '/two';
const SITE: Site = { prefix: ONE, body: 'unread', trustsProxy: false, saw: () => undefined };

const toClose: Array<() => Promise<void>> = [];

afterEach(async () => {
  for (const close of toClose.splice(0)) await close();
});

/** Mounts both relays in one app, with the host's mount function. */
function both<App>(mounting: (app: App, relay: Relay, site: Site) => void, tenants: Tenants) {
  return (app: App, _relay: Relay, site: Site): void => {
    mounting(app, tenants[0], { ...site, prefix: ONE });
    mounting(app, tenants[1], { ...site, prefix: TWO });
  };
}

const APPS: ReadonlyArray<readonly [name: string, build: TwoTenants]> = [
  ['koa', (tenants, site) => buildKoa(both(byMiddleware, tenants))(tenants[0], site)],
  ['koa-mount', (tenants, site) => buildKoa(both(byMountPackage, tenants))(tenants[0], site)],
  ['nested @koa/router', (tenants, site) => buildKoa(both(byRouter, tenants))(tenants[0], site)],
  ['express 4', (tenants, site) => buildExpress4(both(mountByExpress, tenants))(tenants[0], site)],
  ['express 5', (tenants, site) => buildExpress5(both(mountByExpress, tenants))(tenants[0], site)],
  ['express 5 that keeps the prefix', (tenants, site) => buildExpress5(both(mountAtRoot, tenants))(tenants[0], site)],
  ['hono', (tenants, site) => buildHono(both(byRoute, tenants))(tenants[0], site)],
  ['hono that strips the prefix', (tenants, site) => buildHono(both(byMount, tenants))(tenants[0], site)],
  [
    'node:http',
    ([one, two]) =>
      (request, response) =>
        one.node()(request, response, () => two.node()(request, response)),
  ],
];

describe.each(APPS)('two relays in one app of %s', (name, build) => {
  // `app.mount` passes the path below the mount.
  const mountPath = name === 'hono that strips the prefix' ? '/' : undefined;

  test('do not touch each other', async () => {
    const { server, origin, close } = await openServer();
    toClose.push(close);
    const tenants = [ONE, TWO].map((path) =>
      createRelay({ publicUrl: origin + path, mountPath }),
    ) as unknown as Tenants;
    server.on('request', await build(tenants, SITE));
    const [sender, receiver] = [newDevice(), newDevice()];
    const [first, second] = [somePayload(), somePayload()];

    // One device and one request id create two mailboxes in two relays. Neither create is a retry of the other create.
    const create = operation('POST', '', sender.claim, {});
    const open = async (path: string, payload: object): Promise<string> => {
      const body = JSON.stringify(createBody({ payload }));
      const answer = await send({ ...create, url: `${origin}${path}/v1/m`, body });
      expect(answer.status).toBe(200);
      const url = String(answer.json.urlLink);
      expect(url.startsWith(`${origin}${path}/v1/m/`)).toBe(true);
      return url;
    };
    const [one, two] = [await open(ONE, first), await open(TWO, second)];
    expect((await receiver.read(one)).json).toMatchObject({ payload: first });
    expect((await sender.read(two)).json).toMatchObject({ payload: second });

    // Bind, delete, close and remove affect only one of the two relays.
    const other = newDevice();
    expect((await other.read(two)).json).toMatchObject({ payload: second });
    expectProblem(await other.read(one), 401, 'mailbox_taken');
    expect(await sender.delete(one)).toMatchObject({ status: 200 });
    await tenants[0].close();
    expect(await other.read(two)).toMatchObject({ status: 200 });
    await expect(tenants[0].remove(two)).rejects.toThrow(TypeError);
    expect(await tenants[1].remove(two)).toBe(true);
    expectProblem(await other.read(two), 404, 'mailbox_not_found');

    const alone = await createShare(origin + TWO);
    expectProblem(await receiver.read(alone.replace(TWO, ONE)), 404, 'mailbox_not_found');
    expect(await receiver.read(alone)).toMatchObject({ status: 200 });
    await tenants[1].close();
  });
});

describe('relayRouter', () => {
  /** Serves the routes of a router. The host behind the router answers 404 with its own text. */
  async function serve(path: string, make: (relay: Relay) => Router): Promise<string> {
    const { server, origin, close } = await openServer();
    const router = make(createRelay({ publicUrl: origin + path }));
    toClose.push(close);
    const app = new Koa().use(router.routes()).use(router.allowedMethods());
    app.use((ctx) => {
      ctx.status = 404;
      ctx.body = 'not here';
    });
    server.on('request', app.callback());
    return origin;
  }

  const NESTED: ReadonlyArray<readonly [name: string, path: string, make: (relay: Relay) => Router]> = [
    [
      'two levels deep',
      '/api/relay',
      (relay) => new Router().use('/api', new Router().use('/relay', relayRouter(relay).routes()).routes()),
    ],
    [
      'under a router with a prefix of its own',
      '/api',
      (relay) => new Router({ prefix: '/api' }).use(relayRouter(relay).routes()),
    ],
    ['alone', '', (relay) => relayRouter(relay)],
  ];

  test.each(NESTED)("%s answers all that is the relay's, and nothing else", async (_name, path, make) => {
    const origin = await serve(path, make);
    const url = await createShare(origin + path);
    expect(await send({ method: 'HEAD', url })).toMatchObject({ status: 200, text: '' });
    expect(await newDevice().read(url)).toMatchObject({ status: 200 });
    expectProblem(await send({ method: 'POST', url: `${origin}${path}/v2/m` }), 404, 'unsupported_version');
    expectProblem(await send({ method: 'GET', url: `${url}/` }), 404, 'not_found');
    expectProblem(await send({ method: 'REPORT', url }), 405, 'method_not_allowed');
    expect(await send({ method: 'OPTIONS', url })).toMatchObject({
      status: 204,
      headers: { allow: 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS' },
    });
    for (const other of ['/v1/mm', '/x/v1/m', '/v1']) {
      expectPage(await send({ method: 'GET', url: `${origin}${path}${other}` }), 404, 'not here');
    }
  });

  test('leaves the routes of its parent, and their 405, alone', async () => {
    const origin = await serve('/relay', (relay) => {
      const parent = new Router().use('/relay', relayRouter(relay).routes());
      return parent.get('/desk', (ctx) => {
        ctx.body = 'desk';
      });
    });
    expect(await newDevice().create(`${origin}/relay`)).toMatchObject({ status: 200 });
    expectPage(await send({ method: 'GET', url: `${origin}/desk` }), 200, 'desk');
    expect(await send({ method: 'PUT', url: `${origin}/desk`, fields: [['X', randomUUID()]] })).toMatchObject({
      headers: { allow: 'HEAD, GET' },
    });
  });
});
