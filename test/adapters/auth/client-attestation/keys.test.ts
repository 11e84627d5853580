import { createSecretKey, generateKeyPairSync, randomBytes, webcrypto } from 'node:crypto';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { RelayError } from 'credential-relay';
import { afterEach, describe, expect, it } from 'vitest';
import { type Attester, type Defects, makeAttester } from '../../../support/attester/attester.js';
import {
  attempt,
  attester,
  clock,
  device,
  expectOutage,
  expectRefusal,
  freshRelay,
  NOW,
  time,
} from '../../../support/auth/client-attestation.js';

/*
 * draft-ietf-oauth-attestation-based-client-auth §10.8: how the hook finds the key of an attester, and the refusals
 * without a key.
 */

describe('clientAttestation with jwks', () => {
  const sibling = makeAttester(clock);

  it('a set of one key verifies attestations with and without kid', async () => {
    const site = freshRelay({ jwks: attester.jwks });
    expect((await attempt(site, attester.attest(device))).status).toBe(200);
    expect((await attempt(site, attester.attest(device, { header: { kid: undefined } }))).status).toBe(200);
  });

  it('a set of several keys verifies attestations with and without kid', async () => {
    const site = freshRelay({ jwks: { keys: [...attester.jwks.keys, ...sibling.jwks.keys] } });
    for (const each of [attester, sibling]) {
      expect((await attempt(site, each.attest(device))).status).toBe(200);
      expect((await attempt(site, each.attest(device, { header: { kid: undefined } }))).status).toBe(200);
    }
    expectRefusal(await attempt(site, attester.attest(device, { header: { kid: sibling.kid } })));
    expectRefusal(await attempt(site, makeAttester(clock).attest(device, { header: { kid: undefined } })));
  });
});

describe('clientAttestation with resolveKey', () => {
  it('resolveKey receives header and claims, and its key decides', async () => {
    const asked: unknown[] = [];
    const site = freshRelay({
      resolveKey: async ({ kid }, { sub }, signal) => {
        asked.push([kid, sub, signal.aborted]);
        return attester.publicKey;
      },
    });
    expect((await attempt(site, attester.attest(device))).status).toBe(200);
    expect(asked).toEqual([[attester.kid, attester.app, false]]);
    expectRefusal(await attempt(site, makeAttester(clock).attest(device)));
  });

  it('resolveKey may return a JWK', async () => {
    const site = freshRelay({ resolveKey: () => attester.jwks.keys[0] as never });
    expect((await attempt(site, attester.attest(device))).status).toBe(200);
  });

  it('resolveKey may return a CryptoKey', async () => {
    const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
    const jwk = { ...attester.publicKey.export({ format: 'jwk' }) };
    const key = await webcrypto.subtle.importKey('jwk', jwk, algorithm, false, ['verify']);
    const site = freshRelay({ resolveKey: () => key });
    expect((await attempt(site, attester.attest(device))).status).toBe(200);
  });

  it('a key of another kind rejects the attestation', async () => {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    expectRefusal(await attempt(freshRelay({ resolveKey: () => publicKey }), attester.attest(device)));
  });

  it('undefined rejects the attestation', async () => {
    expectRefusal(await attempt(freshRelay({ resolveKey: () => undefined }), attester.attest(device)));
  });

  it('a RelayError of resolveKey becomes the response', async () => {
    const site = freshRelay({
      resolveKey: () => {
        throw new RelayError('forbidden');
      },
    });
    expect((await attempt(site, attester.attest(device))).status).toBe(403);
  });

  it.each<[name: string, resolveKey: () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('no database');
      },
    ],
    ['rejects', () => Promise.reject(new TypeError('no database'))],
    ['rejects with undefined', () => Promise.reject(undefined)],
    ['returns true', () => true],
    ['returns null', () => null],
    ['returns a private key', () => attester.privateKey],
    ['returns a private JWK', () => attester.privateKey.export({ format: 'jwk' })],
    ['returns a secret', () => randomBytes(32)],
    ['returns a secret key', () => createSecretKey(randomBytes(32))],
    ['returns {}', () => ({})],
    ['returns a list of keys', () => [attester.publicKey]],
    ['returns a key set', () => attester.jwks],
    ['returns PEM', () => attester.publicKey.export({ format: 'pem', type: 'spki' })],
    ['returns what only says that it is public', () => ({ type: 'public' })],
    ['returns an Error', () => new Error('unknown')],
    ['returns a Response', () => Response.json(attester.jwks.keys[0])],
    ['returns half a JWK', () => ({ kty: 'EC', crv: 'P-256' })],
    ['returns a JWK off the curve', () => ({ ...attester.jwks.keys[0], y: attester.jwks.keys[0]?.x })],
    ['returns a symmetric JWK', () => ({ kty: 'oct', k: randomBytes(32).toString('base64url') })],
    ['returns an RSA key that is too short', () => generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey],
    ['returns a key that cannot sign', () => generateKeyPairSync('x25519').publicKey],
  ])('an unusable result of resolveKey is a 503: %s', async (_, resolveKey) => {
    expectOutage(await attempt(freshRelay({ resolveKey: resolveKey as never }), attester.attest(device)));
  });
});

/** Sends white space until the connection closes. */
function sendEndlessly(response: ServerResponse): void {
  const piece = Buffer.alloc(64 * 1024, ' ');
  const more = (): void => {
    while (!response.destroyed && response.write(piece));
  };
  response.on('drain', more);
  more();
}

describe('clientAttestation with jwksUri', () => {
  const shortRsa = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const closing: Server[] = [];
  afterEach(async () => {
    for (const server of closing.splice(0)) await close(server);
  });

  async function close(server: Server): Promise<void> {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  /** A key set server. A test may change `answer`, and `requests` counts. */
  async function serve(set: unknown, port = 0) {
    const site = {
      requests: 0,
      answer: (response: ServerResponse): void => {
        response.setHeader('Content-Type', 'application/jwk-set+json').end(JSON.stringify(set));
      },
    };
    const server = createServer((_, response) => {
      site.requests += 1;
      site.answer(response);
    });
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    closing.push(server);
    const at = (server.address() as AddressInfo).port;
    return Object.assign(site, { server, port: at, url: `http://127.0.0.1:${at}/keys` });
  }

  const keysOf = (...attesters: readonly Attester[]) => ({ keys: attesters.flatMap(({ jwks }) => jwks.keys) });

  it('the first request fetches the key set, and concurrent requests share the fetch', async () => {
    const keys = await serve(attester.jwks);
    const site = freshRelay({ jwksUri: keys.url });
    expect(keys.requests).toBe(0);
    const answers = await Promise.all(Array.from({ length: 5 }, () => attempt(site, attester.attest(device))));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(keys.requests).toBe(1);
  });

  it('an unknown attester is rejected after a fetch that started after its request', async () => {
    const keys = await serve(attester.jwks);
    const site = freshRelay({ jwksUri: keys.url });
    await attempt(site, attester.attest(device));
    expectRefusal(await attempt(site, makeAttester(clock).attest(device)));
    expect(keys.requests).toBe(2);
  });

  it('a set of more than 100 keys is a 503', async () => {
    const [key] = attester.jwks.keys;
    const others = Array.from({ length: 100 }, (_, index) => ({ ...key, kid: `other-${index}` }));
    const keys = await serve({ keys: [key, ...others] });
    expectOutage(await attempt(freshRelay({ jwksUri: keys.url }), attester.attest(device)));
    keys.answer = (response) => void response.end(JSON.stringify({ keys: [key, ...others.slice(1)] }));
    expect((await attempt(freshRelay({ jwksUri: keys.url }), attester.attest(device))).status).toBe(200);
  });

  it('an attestation without kid is verified with at most 16 keys', async () => {
    const others = Array.from({ length: 16 }, () => makeAttester(clock));
    const keys = await serve(keysOf(...others, attester));
    const site = freshRelay({ jwksUri: keys.url });
    expectRefusal(await attempt(site, attester.attest(device, { header: { kid: undefined } })));
    expect((await attempt(site, attester.attest(device))).status).toBe(200);
  });

  it('a new key is found at once, even shortly after a fetch', async () => {
    const young = makeAttester(clock);
    const keys = await serve(attester.jwks);
    const site = freshRelay({ jwksUri: keys.url });
    await attempt(site, attester.attest(device));
    keys.answer = (response) => void response.end(JSON.stringify(keysOf(attester, young)));
    expect((await attempt(site, young.attest(device))).status).toBe(200);
  });

  it('made-up keys cause few fetches and no refusal of a valid attestation', async () => {
    const keys = await serve(attester.jwks);
    const site = freshRelay({ jwksUri: keys.url });
    await attempt(site, attester.attest(device));
    for (let time = 0; time < 20; time += 1) {
      const { status } = await attempt(site, makeAttester(clock).attest(device));
      expect([401, 503]).toContain(status);
    }
    expect(keys.requests).toBeLessThan(6);
    expect((await attempt(site, attester.attest(device))).status).toBe(200);
  });

  it.each<[name: string, defects: Defects]>([
    ['expired', { claims: { exp: 1 } }],
    ['for another audience', { claims: { aud: 'https://another.example' } }],
    ['for an app that is not accepted', { claims: { sub: 'https://another.example' } }],
    ['from the future', { claims: { iat: 9_999_999_999 } }],
    ['without cnf', { claims: { cnf: undefined } }],
    ['without sub', { claims: { sub: undefined } }],
    ['of another typ', { header: { typ: 'JWT' } }],
    ['with a kid that is no text', { header: { kid: { toString: 1 } } }],
    ['with a typ that is no text', { header: { typ: { toString: 1 } } }],
    ['with an algorithm that is not accepted', { header: { alg: 'HS256' } }],
  ])('an attestation that is %s causes no fetch', async (_, defects) => {
    const keys = await serve(attester.jwks);
    const site = freshRelay({ jwksUri: keys.url, apps: [attester.app] });
    const jwt = attester.attest(device, defects);
    const headers = { 'OAuth-Client-Attestation': jwt, 'OAuth-Client-Attestation-PoP': device.pop() };
    expect((await site.create(headers)).status).toBe(401);
    expect(keys.requests).toBe(0);
  });

  it('a new key under an old kid is found once the set is 5 s old, by one fetch for all bad signatures', async () => {
    const young = makeAttester(clock);
    const named = (by: Attester): string => by.attest(device, { header: { kid: attester.kid } });
    const keys = await serve(attester.jwks);
    const site = freshRelay({ jwksUri: keys.url });
    expect((await attempt(site, named(attester))).status).toBe(200);
    for (time.now = NOW + 5000; time.now < NOW + 10_000; time.now += 500) {
      expectRefusal(await attempt(site, named(young)));
    }
    expect(keys.requests).toBe(2);
    keys.answer = (response) => {
      response.end(JSON.stringify({ keys: young.jwks.keys.map((key) => ({ ...key, kid: attester.kid })) }));
    };
    time.now = NOW + 10_001;
    expect((await attempt(site, named(young))).status).toBe(200);
    expectRefusal(await attempt(site, named(attester)));
    expect(keys.requests).toBe(3);
  });

  it('a failing attester gets one request per second, or none before its Retry-After', async () => {
    const keys = await serve(attester.jwks);
    const site = freshRelay({ jwksUri: keys.url });
    keys.answer = (response) => void response.writeHead(503).end();
    for (let turn = 0; turn < 50; turn += 1) expectOutage(await attempt(site, attester.attest(device)));
    expect(keys.requests).toBe(1);
    keys.answer = (response) => void response.writeHead(503, { 'Retry-After': '20' }).end();
    time.now += 2000;
    expectOutage(await attempt(site, attester.attest(device)));
    time.now += 18_000;
    expectOutage(await attempt(site, attester.attest(device)));
    expect(keys.requests).toBe(2);
  });

  it('a removed key is rejected after the next fetch', async () => {
    const keys = await serve(attester.jwks);
    const site = freshRelay({ jwksUri: keys.url, jwksMaxAgeSeconds: 60 });
    await attempt(site, attester.attest(device));
    keys.answer = (response) => void response.end(JSON.stringify(makeAttester(clock).jwks));
    time.now = NOW + 59_000;
    expect((await attempt(site, attester.attest(device))).status).toBe(200);
    time.now = NOW + 61_000;
    expectRefusal(await attempt(site, attester.attest(device)));
  });

  it('attestations without kid: a new key is found at once, and the old key stays valid while published', async () => {
    const young = makeAttester(clock);
    const unnamed = (by: Attester): string => by.attest(device, { header: { kid: undefined } });
    const keys = await serve(attester.jwks);
    const site = freshRelay({ jwksUri: keys.url });
    expect((await attempt(site, unnamed(attester))).status).toBe(200);
    keys.answer = (response) => void response.end(JSON.stringify(keysOf(attester, young)));
    for (const each of [young, attester]) expect((await attempt(site, unnamed(each))).status).toBe(200);
    expect(keys.requests).toBe(2);
    keys.answer = (response) => void response.end(JSON.stringify(young.jwks));
    expectRefusal(await attempt(site, unnamed(makeAttester(clock))));
    expectRefusal(await attempt(site, unnamed(attester)));
  });

  it.each([
    ['a point that is not on the curve', () => ({ ...attester.jwks.keys[0], y: attester.jwks.keys[0]?.x })],
    ['half a key', () => ({ ...attester.jwks.keys[0], y: undefined })],
    ['a private key', () => ({ ...attester.privateKey.export({ format: 'jwk' }), kid: attester.kid })],
    [
      'an RSA key that is too short to be used',
      () => ({ ...shortRsa.publicKey.export({ format: 'jwk' }), kid: attester.kid, alg: 'RS256' }),
    ],
  ])('an unusable key in the set causes no refusal: %s', async (_, broken) => {
    const sibling = makeAttester(clock);
    const keys = await serve({ keys: [broken(), ...sibling.jwks.keys] });
    const site = freshRelay({ jwksUri: keys.url });
    const { alg = 'ES256' } = broken() as { alg?: string };
    expectOutage(await attempt(site, attester.attest(device, { header: { alg } })));
    expect((await attempt(site, sibling.attest(device))).status).toBe(200);
    expect((await attempt(site, sibling.attest(device, { header: { kid: undefined } }))).status).toBe(200);
    keys.answer = (response) => void response.end(JSON.stringify(attester.jwks));
    time.now = NOW + 601_000;
    expect((await attempt(site, attester.attest(device))).status).toBe(200);
  });

  it('a kept connection that the server closes is no outage', async () => {
    const keys = await serve(attester.jwks);
    const good = keys.answer;
    keys.answer = (response) => {
      keys.answer = good;
      response.destroy();
    };
    const site = freshRelay({ jwksUri: keys.url });
    expect((await attempt(site, attester.attest(device))).status).toBe(200);
    expect(keys.requests).toBe(2);
  });

  const outages: Array<[name: string, answer: (response: ServerResponse) => void]> = [
    ['500', (response) => void response.writeHead(500).end()],
    ['404', (response) => void response.writeHead(404).end('{"keys":[]}')],
    ['a redirect', (response) => void response.writeHead(302, { Location: '/elsewhere' }).end()],
    ['HTML', (response) => void response.setHeader('Content-Type', 'text/html').end('<html>maintenance</html>')],
    ['{}', (response) => void response.end('{}')],
    ['an empty set', (response) => void response.end('{"keys":[]}')],
    ['no JSON', (response) => void response.end('{"keys":[')],
    ['a connection that breaks', (response) => void response.destroy()],
    ['half an answer that never ends', (response) => void response.write('{"keys"')],
    ['silence', () => {}],
    ['white space without an end', sendEndlessly],
    ['another protocol', ({ socket }) => void socket?.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n')],
  ];
  it.each(outages)('a failing attester is a 503 within the time limit, and recovers: %s', async (_, answer) => {
    const keys = await serve(attester.jwks);
    const good = keys.answer;
    const site = freshRelay({ jwksUri: keys.url, timeoutMs: 300 });
    keys.answer = answer;
    const started = performance.now();
    expectOutage(await attempt(site, attester.attest(device)));
    expect(performance.now() - started).toBeLessThan(1500);
    keys.answer = good;
    time.now += 2000;
    expect((await attempt(site, attester.attest(device))).status).toBe(200);
  });

  it('a restarted attester: 503, then accepted', async () => {
    const keys = await serve(attester.jwks);
    await close(keys.server);
    const site = freshRelay({ jwksUri: keys.url });
    expectOutage(await attempt(site, attester.attest(device)));
    await serve(attester.jwks, keys.port);
    time.now += 2000;
    expect((await attempt(site, attester.attest(device))).status).toBe(200);
  });

  it('a silent attester is a 503 within the default of 2 s', async () => {
    const deaf = createTcpServer(() => {});
    await new Promise<void>((resolve) => deaf.listen(0, '127.0.0.1', resolve));
    const { port } = deaf.address() as AddressInfo;
    const site = freshRelay({ jwksUri: `http://127.0.0.1:${port}/keys` });
    const started = performance.now();
    expectOutage(await attempt(site, attester.attest(device)));
    expect(performance.now() - started).toBeLessThan(2900);
    deaf.close();
  });

  it('an outage keeps known keys valid and rejects no unknown key', async () => {
    const keys = await serve(attester.jwks);
    const site = freshRelay({ jwksUri: keys.url });
    await attempt(site, attester.attest(device));
    await close(keys.server);
    expect((await attempt(site, attester.attest(device))).status).toBe(200);
    expectOutage(await attempt(site, makeAttester(clock).attest(device)));
  });

  it('an old set is used only for jwksStaleIfErrorSeconds', async () => {
    const keys = await serve(attester.jwks);
    const strict = freshRelay({ jwksUri: keys.url, jwksMaxAgeSeconds: 60 });
    const patient = freshRelay({ jwksUri: keys.url, jwksMaxAgeSeconds: 60, jwksStaleIfErrorSeconds: 60 });
    for (const site of [strict, patient]) await attempt(site, attester.attest(device));
    await close(keys.server);
    time.now = NOW + 61_000;
    expectOutage(await attempt(strict, attester.attest(device)));
    expect((await attempt(patient, attester.attest(device))).status).toBe(200);
    time.now = NOW + 121_000;
    expectOutage(await attempt(patient, attester.attest(device)));
  });

  it.each([
    ['never settles', () => new Promise<never>(() => {}), 'TimeoutError'],
    ['gives a body that never ends', async () => new Response(new ReadableStream({})), 'TimeoutError'],
    ['gives 2 MiB', async () => new Response(Buffer.alloc(2 ** 21, ' ')), 'AnswerTooLarge'],
    ['gives no Response', async () => attester.jwks as never, 'TypeError'],
  ])('a fetch of the host that once %s is a 503 in time, and recovers', async (_, misbehave, cause) => {
    let isFirst = true;
    const fetch = async (): Promise<Response> => {
      if (!isFirst) return Response.json(attester.jwks);
      isFirst = false;
      return misbehave();
    };
    const site = freshRelay({ jwksUri: 'https://attester.example/keys', fetch, timeoutMs: 100 });
    expectOutage(await attempt(site, attester.attest(device)));
    expect(site.thrown.at(-1)).toMatchObject({ details: { cause: { name: cause } } });
    time.now += 2000;
    expect((await attempt(site, attester.attest(device))).status).toBe(200);
  });

  it('the option fetch replaces the global fetch', async () => {
    const asked: unknown[] = [];
    const site = freshRelay({
      jwksUri: 'https://attester.example/keys',
      fetch: async (url, { method, redirect, signal }) => {
        asked.push([url, method, redirect, signal instanceof AbortSignal]);
        return Response.json(attester.jwks);
      },
    });
    expect((await attempt(site, attester.attest(device))).status).toBe(200);
    expect(asked).toEqual([['https://attester.example/keys', 'GET', 'manual', true]]);
  });
});
