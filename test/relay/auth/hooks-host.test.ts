import { randomUUID } from 'node:crypto';
import type { RequestListener } from 'node:http';
import {
  type AuthenticationHook,
  challenge,
  type HostRequest,
  type NodeHostRequest,
  type Relay,
  RelayError,
} from 'credential-relay';
import { relayRouter } from 'credential-relay/koa';
import express5 from 'express';
import createFastify from 'fastify';
import Koa from 'koa';
import mount from 'koa-mount';
import { afterEach, describe, expect, test } from 'vitest';
import { CREDENTIALS, lenient, plant, visitor, watchedRelay, watchForLeaks } from '../../support/auth/hooks.js';
import { express4 } from '../../support/hosts/express.js';
import { openServer } from '../../support/hosts/server.js';
import { claimField, idField, JSON_TYPE, operation } from '../../support/protocol/device.js';
import { type Answer, type Field, send } from '../../support/protocol/http.js';
import { createBody, PUBLIC_URL } from '../../support/relay/relay.js';

/* Host data and repeated headers in the input of a hook, through every handler and over real sockets. */

watchForLeaks();

const closing: Array<() => Promise<unknown>> = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** The user that the host's middleware identified before the relay. */
const USER = { id: 'user-1' };
const setUser = (request: NodeHostRequest, _response: unknown, next: () => void): void => {
  request.user = USER;
  next();
};

/** Builds a host with a user, and mounts the relay at /relay. */
type Build = (relay: Relay) => RequestListener | Promise<RequestListener>;

function koaApp(use: (app: Koa) => unknown): RequestListener {
  const app = new Koa();
  app.use(async (ctx, next) => {
    ctx.state.user = USER;
    Object.assign(ctx.req, { user: USER });
    await next();
  });
  use(app);
  return app.callback();
}

const HOSTS: ReadonlyArray<readonly [name: string, kind: 'ctx' | 'req', build: Build]> = [
  ['koa', 'ctx', (relay) => koaApp((app) => app.use(relay.koa()))],
  ['koa-mount', 'ctx', (relay) => koaApp((app) => app.use(mount('/relay', (ctx, next) => relay.koa()(ctx, next))))],
  ['relayRouter', 'ctx', (relay) => koaApp((app) => app.use(relayRouter(relay).routes()))],
  [
    'express 4',
    'req',
    (relay) =>
      express4()
        .use(setUser as never)
        .use('/relay', relay.node()),
  ],
  [
    'express 5',
    'req',
    (relay) =>
      express5()
        .use(setUser as never)
        .use('/relay', relay.node()),
  ],
  [
    'fastify',
    'req',
    async (relay) => {
      const app = createFastify();
      const handle = relay.node();
      app.addHook('onRequest', ({ raw }, reply, done) =>
        setUser(raw, reply, () => handle(raw, reply.raw, () => done())),
      );
      await app.ready();
      closing.push(() => app.close());
      return (request, response) => app.routing(request, response);
    },
  ],
  ['node', 'req', (relay) => (request, response) => setUser(request, response, () => relay.node()(request, response))],
];

async function serve(build: Build, authenticate: AuthenticationHook): Promise<string> {
  const { server, origin, close } = await openServer();
  closing.push(close);
  const { relay } = watchedRelay({ publicUrl: `${origin}/relay`, authenticate });
  server.on('request', await build(relay));
  return `${origin}/relay`;
}

function create(base: string, ...fields: readonly Field[]): Promise<Answer> {
  const call = operation('POST', `${base}/v1/m`, plant(randomUUID()), createBody());
  return send({ ...call, fields: [...(call.fields ?? []), ...fields] });
}

describe.each(HOSTS)('%s', (_name, kind, build) => {
  test('the hook receives the user of the host', async () => {
    const seen: HostRequest[] = [];
    const base = await serve(build, ({ host, url, method }) => {
      seen.push(host);
      expect([method, url]).toEqual(['POST', `${base}/v1/m`]);
      return lenient();
    });
    expect((await create(base)).status).toBe(200);
    expect(seen).toHaveLength(1);
    expect(seen[0]?.req?.user).toBe(USER);
    expect(seen[0]?.ctx?.state.user).toBe(kind === 'ctx' ? USER : undefined);
    expect(seen[0]?.request).toBeUndefined();
  });

  test('the relay answers 503 to a hook that returns the host data as its result', async () => {
    const base = await serve(build, ({ host }) => (host.ctx?.state.user ?? host.req?.user) as never);
    expect((await create(base)).status).toBe(503);
  });

  test('the hook receives a url from publicUrl, for any Host and query', async () => {
    const urls: string[] = [];
    const base = await serve(build, ({ url }) => {
      urls.push(url);
      return lenient();
    });
    const call = operation('POST', `${base}/v1/m?v=h`, plant(randomUUID()), createBody());
    const answer = await send({ ...call, fields: [...(call.fields ?? []), ['X-Forwarded-Host', 'evil.example']] });
    expect(answer.status).toBe(200);
    expect(urls).toEqual([`${base}/v1/m`]);
  });

  const SINGLE = ['Authorization', 'DPoP', 'Mailbox-Device-Attestation', 'OAuth-Client-Attestation', 'X-Own'] as const;

  test.each(SINGLE)('the relay answers 400 to a repeated %s if a hook reads it', async (name) => {
    const values: unknown[] = [];
    const base = await serve(build, (input) => {
      const read = name === 'Mailbox-Device-Attestation' ? input.attestation() : input.header(name.toLowerCase());
      values.push(read);
      return lenient();
    });
    for (const [first, second] of [
      [plant('one-secret'), plant('two-secret')],
      [plant('one-secret'), 'one-secret'],
    ] as const) {
      const answer = await create(base, [name, first], [name.toUpperCase(), second]);
      expect([answer.status, JSON.parse(answer.text).code]).toEqual([400, 'header_repeated']);
      expect(answer.text).not.toContain('secret');
      expect(answer.headers['www-authenticate']).toBeUndefined();
    }
    expect((await create(base, [name, 'one-secret'])).status).toBe(200);
    expect((await create(base)).status).toBe(200);
    expect(values).toEqual(['one-secret', undefined]);
  });

  test('the response has all challenges of a refusal in order, and its other headers', async () => {
    const base = await serve(build, () => {
      const headers = [challenge('DPoP'), challenge('Bearer'), ['DPoP-Nonce', 'n1']] as const;
      throw new RelayError('token_required', { headers });
    });
    const { status, headers } = await create(base);
    expect(status).toBe(401);
    expect(headers['www-authenticate']).toBe('DPoP realm="mailbox", Bearer realm="mailbox"');
    expect(headers['dpop-nonce']).toBe('n1');
  });

  test('the relay ignores a repeated header that no hook reads', async () => {
    const base = await serve(build, lenient);
    expect((await create(base, ['DPoP', 'a'], ['DPoP', 'b'])).status).toBe(200);
  });
});

describe('hooks with relay.fetch', () => {
  test('the hook receives the Request and the host data', async () => {
    const seen: HostRequest[] = [];
    const { relay } = watchedRelay({
      authenticate: ({ host }) => {
        seen.push(host);
        return lenient();
      },
    });
    const env = { user: USER };
    const headers = Object.fromEntries([idField(randomUUID()), claimField(plant(randomUUID())), JSON_TYPE]);
    const call = new Request(`${PUBLIC_URL}/v1/m`, { method: 'POST', headers, body: JSON.stringify(createBody()) });
    expect((await relay.fetch(call, env)).status).toBe(200);
    expect(seen[0]?.request).toBe(call);
    expect(seen[0]?.env).toBe(env);
    expect([seen[0]?.ctx, seen[0]?.req]).toEqual([undefined, undefined]);
  });

  test('the hook receives headers and the attestation unchanged, by name in any case', async () => {
    let read: unknown[] = [];
    const { relay } = watchedRelay({
      authenticate: ({ header, attestation }) => {
        read = [header('AUTHORIZATION'), header('dpop'), attestation(), header('X-Absent')];
        return lenient();
      },
    });
    await visitor(relay).create(createBody(), { headers: CREDENTIALS });
    expect(read).toEqual([...Object.values(CREDENTIALS), undefined]);
  });

  test('the hook receives a url from a publicUrl with a path', async () => {
    const urls: string[] = [];
    const { relay } = watchedRelay({
      publicUrl: 'https://relay.example/a/b/',
      authenticate: {
        default: ({ url }) => {
          urls.push(url);
          throw new RelayError('token_required');
        },
      },
    });
    const id = randomUUID();
    const headers = Object.fromEntries([idField(randomUUID()), claimField(plant(randomUUID()))]);
    await relay.fetch(new Request(`https://other.example/a/b/v1/m/${id}?x=1`, { method: 'POST', headers }));
    expect(urls).toEqual([`https://relay.example/a/b/v1/m/${id}`]);
  });
});
