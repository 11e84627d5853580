import { createRelay, type RelayOptions } from 'credential-relay';
import express from 'express';
import Koa from 'koa';
import { describe, expect, test } from 'vitest';
import { openServer } from '../../support/hosts/server.js';
import { send } from '../../support/protocol/http.js';

/* The well-known documents, at the root of the host, that open a share URL in an app. */

const APPLE = '/.well-known/apple-app-site-association';
const ANDROID = '/.well-known/assetlinks.json';
const bytes = (byte: string): string => Array.from({ length: 32 }, () => byte).join(':');

const appLinks = {
  apple: { appIds: ['TEAMID1234.com.example.wallet', 'ABCDE12345.com.example.wallet-beta'] },
  android: [
    { packageName: 'com.example.wallet', sha256CertFingerprints: [bytes('0a'), bytes('FF')] },
    { packageName: 'com.example.wallet_beta', sha256CertFingerprints: [bytes('12')] },
  ],
} satisfies RelayOptions['appLinks'];

async function documentAt(path: string, options: Partial<RelayOptions> = {}): Promise<Response> {
  const relay = createRelay({ publicUrl: 'https://example.com/relay', appLinks, ...options });
  const response = await relay.wellKnown().fetch(new Request(`https://example.com${path}`));
  await relay.close();
  return response;
}

describe('apple-app-site-association', () => {
  test.each([
    ['https://example.com/relay', '/relay/v1/m/*'],
    ['https://example.com', '/v1/m/*'],
    ['https://example.com/a/b/', '/a/b/v1/m/*'],
  ])('has applinks.details for share URLs below %s', async (publicUrl, pattern) => {
    const response = await documentAt(APPLE, { publicUrl });
    expect([response.status, response.headers.get('Content-Type')]).toEqual([200, 'application/json']);
    expect(await response.json()).toEqual({
      applinks: { details: [{ appIDs: appLinks.apple.appIds, components: [{ '/': pattern }] }] },
    });
  });

  test('has a pattern that matches only share URLs', async () => {
    const relay = createRelay({ publicUrl: 'http://localhost/relay', appLinks });
    const { applinks } = (await (await relay.wellKnown().fetch(new Request(`http://localhost${APPLE}`))).json()) as {
      applinks: { details: Array<{ components: Array<{ '/': string }> }> };
    };
    const pattern = applinks.details[0]?.components[0]?.['/'] ?? '';
    const fits = (path: string): boolean => new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(path);
    const created = await relay.fetch(
      new Request('http://localhost/relay/v1/m', {
        method: 'POST',
        headers: {
          'Content-Type': 'application/json',
          'Mailbox-Device-Claim': crypto.randomUUID(),
          'Mailbox-Request-ID': 'one',
        },
        body: JSON.stringify({
          payload: { type: 'AEAD_AES_128_GCM', data: 'AAAA' },
          displayInformation: { title: 'a', description: 'b', imageURL: 'https://a.example/c' },
        }),
      }),
    );
    const { urlLink } = (await created.json()) as { urlLink: string };
    expect(fits(new URL(urlLink).pathname)).toBe(true);
    for (const path of ['/', '/relay', '/relay/v1/m', '/v1/m/x', APPLE]) expect(fits(path)).toBe(false);
    await relay.close();
  });
});

describe('assetlinks.json', () => {
  test('has one statement per app with fingerprints in upper case', async () => {
    const response = await documentAt(ANDROID);
    expect([response.status, response.headers.get('Content-Type')]).toEqual([200, 'application/json']);
    const relation = ['delegate_permission/common.handle_all_urls'];
    expect(await response.json()).toEqual([
      {
        relation,
        target: {
          namespace: 'android_app',
          package_name: 'com.example.wallet',
          sha256_cert_fingerprints: [bytes('0A'), bytes('FF')],
        },
      },
      {
        relation,
        target: {
          namespace: 'android_app',
          package_name: 'com.example.wallet_beta',
          sha256_cert_fingerprints: [bytes('12')],
        },
      },
    ]);
  });
});

describe('app links by vertical', () => {
  const paths = '/relay/v1/m/*';
  const [wallet, car, home] = [
    'TEAMID1234.com.example.wallet',
    'TEAMID1234.com.example.car',
    'TEAMID1234.com.example.home',
  ];
  const only = (v: string) => ({ '/': paths, '?': { v } });
  const not = (v: string) => ({ ...only(v), exclude: true });
  const all = { '/': paths };

  /** The app whose first matching component opens a URL with this query; both systems use this rule. */
  const opens = (components: ReadonlyArray<{ '?'?: { v: string }; exclude?: boolean }>, v: string): boolean => {
    const first = components.find((component) => component['?'] === undefined || component['?'].v === v);
    return first !== undefined && first.exclude !== true;
  };

  test.each([
    ['a car app and a wallet', [['c'], undefined], [[only('c')], [not('c'), all]]],
    ['three apps', [['c'], ['h'], undefined], [[only('c')], [only('h')], [not('h'), not('c'), all]]],
    [
      'an app for two verticals',
      [['c', 'h'], ['a']],
      [
        [only('h'), only('c')],
        [not('h'), not('c'), all],
      ],
    ],
    ['a wallet that also opens cars', [['c'], ['a', 'h', 'c']], [[only('c')], [all]]],
    ['no verticals', [undefined, undefined], [undefined, undefined]],
  ] as const)('apple and android route %s', async (_name, verticals, components) => {
    const names = [wallet, car, home].slice(0, verticals.length);
    const given = {
      apple: names.map((name, index) => ({ appIds: [name], verticals: verticals[index] })),
      android: names.map((name, index) => ({
        packageName: name.slice(11),
        sha256CertFingerprints: [bytes('FF')],
        verticals: verticals[index],
      })),
    };
    const { applinks } = (await (await documentAt(APPLE, { appLinks: given })).json()) as {
      applinks: { details: unknown };
    };
    expect(applinks.details).toEqual(
      names.map((name, index) => ({ appIDs: [name], components: components[index] ?? [all] })),
    );
    const statements = (await (await documentAt(ANDROID, { appLinks: given })).json()) as Array<
      Record<string, unknown>
    >;
    expect(statements.map(({ relation_extensions }) => relation_extensions)).toEqual(
      components.map((each) =>
        each === undefined
          ? undefined
          : { 'delegate_permission/common.handle_all_urls': { dynamic_app_link_components: each } },
      ),
    );
    expect(statements.every(({ relation }) => Array.isArray(relation) && relation.length === 1)).toBe(true);
  });

  test('each link is opened by the app of its vertical, and a link without v or with another v by the wallet', async () => {
    const given = { apple: [{ appIds: [wallet] }, { appIds: [car], verticals: ['c'] as const }] };
    const { applinks } = (await (await documentAt(APPLE, { appLinks: given })).json()) as {
      applinks: { details: Array<{ components: Array<{ '?'?: { v: string }; exclude?: boolean }> }> };
    };
    const routed = ['', 'a', 'h', 'c', 'x'].map((v) => applinks.details.map(({ components }) => opens(components, v)));
    expect(routed).toEqual([
      [true, false],
      [true, false],
      [true, false],
      [false, true],
      [true, false],
    ]);
  });
});

describe('the relay serves only the configured documents', () => {
  test.each<[string, RelayOptions['appLinks'], string[]]>([
    ['without appLinks', undefined, []],
    ['with an empty option', {}, []],
    ['with an empty list', { android: [] }, []],
    ['with apple', { apple: appLinks.apple }, [APPLE]],
    ['with android', { android: appLinks.android }, [ANDROID]],
  ])('%s', async (_name, given, served) => {
    for (const path of [APPLE, ANDROID]) {
      expect((await documentAt(path, { appLinks: given })).status).toBe(served.includes(path) ? 200 : 404);
    }
  });

  test('without protected resource metadata (RFC 9728 §5.1)', async () => {
    let url: string | undefined = 'not asked';
    const relay = createRelay({
      publicUrl: 'http://localhost/relay',
      appLinks,
      authenticate: ({ relay: services }) => {
        url = services.metadataUrl();
        return { via: ['test'] };
      },
    });
    relay.wellKnown();
    const headers = { 'Content-Type': 'application/json', 'Mailbox-Device-Claim': crypto.randomUUID() };
    const body = JSON.stringify({
      payload: { type: 'AEAD_AES_128_GCM', data: 'AAAA' },
      displayInformation: { title: 'a', description: 'b', imageURL: 'https://a.example/c' },
    });
    const request = new Request('http://localhost/relay/v1/m', {
      method: 'POST',
      headers: { ...headers, 'Mailbox-Request-ID': 'one' },
      body,
    });
    expect((await relay.fetch(request)).status).toBe(200);
    expect(url).toBeUndefined();
    await relay.close();
  });

  test('next to the metadata of a hook', async () => {
    const hook = Object.assign(() => ({ via: ['test'] }), { metadata: { scopes_supported: ['create'] } });
    const paths = [APPLE, ANDROID, '/.well-known/oauth-protected-resource/relay'];
    for (const path of paths) expect((await documentAt(path, { authenticate: hook })).status).toBe(200);
  });
});

describe('well-known documents over HTTP', () => {
  const HOST_SAYS = 'a page of the host';

  test.each(['koa', 'express'] as const)('%s serves GET and HEAD at the root without a redirect', async (kind) => {
    const { server, origin, close } = await openServer();
    const relay = createRelay({ publicUrl: `${origin}/relay`, appLinks });
    if (kind === 'koa') {
      const app = new Koa();
      app.use(relay.wellKnown().koa());
      app.use((ctx) => {
        ctx.body = HOST_SAYS;
      });
      server.on('request', app.callback());
    } else {
      server.on(
        'request',
        express().use(relay.wellKnown().node(), (_request, response) => void response.send(HOST_SAYS)),
      );
    }
    for (const path of [APPLE, ANDROID]) {
      const got = await send({ method: 'GET', url: origin + path });
      expect([got.status, got.headers['content-type']]).toEqual([200, 'application/json']);
      expect(got.text).toMatch(/^[[{]/);
      const head = await send({ method: 'HEAD', url: origin + path });
      expect([head.status, head.text, head.headers['content-length']]).toEqual([
        200,
        '',
        got.headers['content-length'],
      ]);
      expect((await send({ method: 'POST', url: origin + path })).status).toBe(405);
      expect((await send({ method: 'GET', url: `${origin}/relay${path}` })).text).toBe(HOST_SAYS);
    }
    await relay.close();
    await close();
  });

  test.each(['koa', 'node'] as const)(
    '%s treats a target in absolute form as the same request (RFC 9112 §3.2.2)',
    async (kind) => {
      const { server, origin, close } = await openServer();
      const relay = createRelay({ publicUrl: `${origin}/relay`, appLinks });
      server.on(
        'request',
        kind === 'koa' ? new Koa().use(relay.wellKnown().koa()).callback() : relay.wellKnown().node(),
      );
      for (const path of [APPLE, ANDROID]) {
        const plain = await send({ method: 'GET', url: origin + path });
        for (const target of [origin + path, `${origin}${path}?x=1`, `HTTP://other.example${path}`]) {
          const { status, text } = await send({ method: 'GET', url: origin + path, target });
          expect([target, status, text]).toEqual([target, 200, plain.text]);
        }
      }
      for (const target of [origin, `${origin}/`, `${origin}/x${APPLE}`, `ftp://other.example${APPLE}`, '*']) {
        const method = target === '*' ? 'OPTIONS' : 'GET';
        expect([target, (await send({ method, url: origin, target })).status]).toEqual([target, 404]);
      }
      await relay.close();
      await close();
    },
  );

  test('every response closes its connection while the relay drains', async () => {
    const { server, origin, close } = await openServer();
    const relay = createRelay({ publicUrl: `${origin}/relay`, appLinks });
    server.on('request', relay.wellKnown().node());
    const connection = async (method: string): Promise<unknown> =>
      (await send({ method, url: origin + APPLE, keepAlive: true })).headers.connection;
    for (const method of ['GET', 'OPTIONS', 'POST']) expect(await connection(method)).toBe('keep-alive');
    await relay.drain();
    for (const method of ['GET', 'OPTIONS', 'POST']) expect(await connection(method)).toBe('close');
    const fetched = await relay.wellKnown().fetch(new Request(origin + APPLE));
    expect([fetched.status, fetched.headers.get('Connection')]).toEqual([200, 'close']);
    await relay.close();
    await close();
  });
});
