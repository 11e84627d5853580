import type { RequestListener } from 'node:http';
import { type AuthenticationHook, allOf, anyOf, type Relay, type ResourceMetadata } from 'credential-relay';
import express from 'express';
import Koa from 'koa';
import { afterEach, describe, expect, test } from 'vitest';
import { inputOf, lenient, tryCreate, watchedRelay, watchForLeaks } from '../../support/auth/hooks.js';
import { openServer } from '../../support/hosts/server.js';
import { type Answer, send } from '../../support/protocol/http.js';

/* RFC 9728: the protected resource metadata of hooks, at the root of the host. */

watchForLeaks();

const closing: Array<() => Promise<void>> = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const METADATA = { authorization_servers: ['https://as.example'], scopes_supported: ['create'] };
const hookWith = (metadata: ResourceMetadata): AuthenticationHook => Object.assign(() => lenient(), { metadata });
const PATH = '/.well-known/oauth-protected-resource/relay';
const HOST_SAYS = 'a page of the host';

type Build = (relay: Relay) => RequestListener;

/** The handlers for the root, in front of a host that answers every path. */
const HANDLERS: ReadonlyArray<readonly [name: string, build: Build]> = [
  [
    'koa',
    (relay) => {
      const app = new Koa();
      app.use(relay.wellKnown().koa());
      app.use((ctx) => {
        ctx.body = HOST_SAYS;
      });
      return app.callback();
    },
  ],
  [
    'express',
    (relay) => express().use(relay.wellKnown().node(), (_request, response) => void response.send(HOST_SAYS)),
  ],
  [
    'node with next',
    (relay) => {
      const handle = relay.wellKnown().node();
      return (request, response) => handle(request, response, () => response.end(HOST_SAYS));
    },
  ],
];

async function serve(
  build: Build,
  hook: AuthenticationHook = hookWith(METADATA),
  options: object = {},
): Promise<string> {
  const { server, origin, close } = await openServer();
  closing.push(close);
  const { relay } = watchedRelay({ publicUrl: `${origin}/relay`, authenticate: hook, ...options });
  server.on('request', build(relay));
  return origin;
}

function expectDocument(answer: Answer, origin: string): void {
  expect(answer.status).toBe(200);
  expect(answer.headers['content-type']).toBe('application/json');
  expect(JSON.parse(answer.text)).toEqual({ ...METADATA, resource: `${origin}/relay` });
}

describe.each(HANDLERS)('%s', (_name, build) => {
  test('GET gets the document with any query', async () => {
    const origin = await serve(build);
    for (const query of ['', '?x=1', '?']) {
      expectDocument(await send({ method: 'GET', url: origin + PATH, target: PATH + query }), origin);
    }
  });

  test('HEAD gets the same headers without a body', async () => {
    const origin = await serve(build);
    const [got, head] = [
      await send({ method: 'GET', url: origin + PATH }),
      await send({ method: 'HEAD', url: origin + PATH }),
    ];
    expect([head.status, head.text]).toEqual([200, '']);
    expect(head.headers['content-type']).toBe('application/json');
    expect(head.headers['content-length']).toBe(got.headers['content-length']);
  });

  test('OPTIONS gets 204 with Allow', async () => {
    const answer = await send({ method: 'OPTIONS', url: (await serve(build)) + PATH });
    expect([answer.status, answer.text, answer.headers.allow]).toEqual([204, '', 'GET, HEAD, OPTIONS']);
  });

  test.each(['POST', 'PUT', 'PATCH', 'DELETE', 'REPORT'])('%s gets 405 with Allow', async (method) => {
    const answer = await send({ method, url: (await serve(build)) + PATH });
    expect([answer.status, answer.headers.allow]).toEqual([405, 'GET, HEAD, OPTIONS']);
    expect(JSON.parse(answer.text)).toMatchObject({ status: 405, code: 'method_not_allowed' });
  });

  test('the host handles every other path, also the paths of the relay', async () => {
    const origin = await serve(build);
    const others = [
      '/',
      '/relay/v1/m',
      '/v1/m',
      '/.well-known/oauth-protected-resource',
      `${PATH}/`,
      `${PATH}/x`,
      PATH.toUpperCase(),
      '/.well-known/oauth-authorization-server',
      `/relay${PATH}`,
    ];
    for (const path of others) {
      expect((await send({ method: 'GET', url: origin + path })).text, path).toBe(HOST_SAYS);
    }
  });

  test('the relay serves no document without metadata', async () => {
    const origin = await serve(build, lenient);
    expect((await send({ method: 'GET', url: origin + PATH })).text).toBe(HOST_SAYS);
  });

  test('the document has the CORS headers of the relay', async () => {
    const origin = await serve(build, hookWith(METADATA), { cors: { origins: ['https://app.example'] } });
    const fields = [['Origin', 'https://app.example']] as const;
    const answer = await send({ method: 'GET', url: origin + PATH, fields });
    expect(answer.headers['access-control-allow-origin']).toBe('https://app.example');
    const preflight = [...fields, ['Access-Control-Request-Method', 'GET']] as const;
    const allowed = await send({ method: 'OPTIONS', url: origin + PATH, fields: preflight });
    expect([allowed.status, allowed.headers['access-control-allow-methods']]).toEqual([204, 'GET, HEAD, OPTIONS']);
  });
});

test('the node handler without next answers 404 to other paths', async () => {
  const origin = await serve((relay) => relay.wellKnown().node());
  expectDocument(await send({ method: 'GET', url: origin + PATH }), origin);
  for (const path of ['/', '/relay/v1/m']) {
    const answer = await send({ method: 'GET', url: origin + path });
    expect([answer.status, JSON.parse(answer.text).code]).toEqual([404, 'not_found']);
  }
});

describe('the metadata document with fetch', () => {
  /** RFC 9728 §3.1: the well-known part is between the host and the path of the resource. */
  const PLACES = [
    ['https://resource.example.com', 'https://resource.example.com/.well-known/oauth-protected-resource'],
    ['https://resource.example.com/', 'https://resource.example.com/.well-known/oauth-protected-resource'],
    [
      'https://resource.example.com/resource1',
      'https://resource.example.com/.well-known/oauth-protected-resource/resource1',
    ],
    ['https://resource.example.com/a/b/', 'https://resource.example.com/.well-known/oauth-protected-resource/a/b'],
    ['https://resource.example.com:8443/a', 'https://resource.example.com:8443/.well-known/oauth-protected-resource/a'],
  ] as const;

  test.each(PLACES)('§3.1: %s has its document at %s', async (publicUrl, place) => {
    const { input, relay } = await inputOf({ publicUrl }, METADATA);
    const { fetch } = relay.wellKnown();
    const document = await (await fetch(new Request(place))).json();
    // §3.3: the resource must equal the source of the URL, byte for byte.
    expect(document).toEqual({ ...METADATA, resource: publicUrl.replace(/\/$/, '') });
    expect(input.relay.resource).toBe(publicUrl.replace(/\/$/, ''));
    expect(input.relay.metadataUrl()).toBe(place);
    expect((await fetch(new Request(`${place}/x`))).status).toBe(404);
    expect((await fetch(new Request(place, { method: 'DELETE' }))).headers.get('Allow')).toBe('GET, HEAD, OPTIONS');
    expect((await fetch(new Request(place, { method: 'HEAD' }))).body).toBeNull();
    expect((await fetch(new Request(place, { method: 'OPTIONS' }))).status).toBe(204);
  });

  test('a hook cannot set the resource', async () => {
    const { relay } = watchedRelay({ authenticate: hookWith({ resource: 'https://evil.example' }) });
    const answer = await relay.wellKnown().fetch(new Request(`http://localhost${PATH}`));
    expect(await answer.json()).toEqual({ resource: 'http://localhost/relay' });
  });

  test('the document unites the metadata of all hooks', async () => {
    const { relay } = watchedRelay({
      authenticate: {
        create: allOf(hookWith({ scopes_supported: ['create'] }), lenient),
        default: anyOf(
          hookWith({ scopes_supported: ['use'] }),
          hookWith({ authorization_servers: ['https://as.example'] }),
        ),
      },
    });
    const answer = await relay.wellKnown().fetch(new Request(`http://localhost${PATH}`));
    expect(await answer.json()).toEqual({
      scopes_supported: ['create', 'use'],
      authorization_servers: ['https://as.example'],
      resource: 'http://localhost/relay',
    });
  });
});

describe('metadataUrl', () => {
  test('is undefined until the host creates the handlers, and then the URL of the document', async () => {
    const { input, relay } = await inputOf({}, METADATA);
    expect(input.relay.metadataUrl()).toBeUndefined();
    expect((await tryCreate(relay)).status).toBe(200);
    expect(input.relay.metadataUrl()).toBeUndefined();
    relay.wellKnown();
    expect(input.relay.metadataUrl()).toBe(`http://localhost${PATH}`);
  });

  test('stays undefined without metadata', async () => {
    const { input, relay } = await inputOf();
    relay.wellKnown();
    expect(input.relay.metadataUrl()).toBeUndefined();
  });
});
