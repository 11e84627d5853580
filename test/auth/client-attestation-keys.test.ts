import { randomBytes } from 'node:crypto';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { RelayError } from 'credential-relay';
import { afterEach, describe, expect, it } from 'vitest';
import { type Attester, attestedRelay, makeAttester, makeDevice } from '../support/attester.js';
import { type CertificateOptions, type Issued, issue } from '../support/attester-certificates.js';
import type { Answer } from '../support/relay.js';

/* draft-ietf-oauth-attestation-based-client-auth §10.8: how the key of an attester is found, and what if not. */

const NOW = Date.UTC(2030, 5, 15, 12, 0, 30);
const HOUR_MS = 3_600_000;

let now = NOW;
const clock = (): number => now;

const device = makeDevice(clock);
const attester = makeAttester(clock);
const INVALID = 'invalid_client_attestation';

type Options = Parameters<typeof attestedRelay>[0];

function freshRelay(options: Options) {
  now = NOW;
  return attestedRelay({ challenge: 'off', ...options }, { clock });
}

/** A create with this attestation and a good proof. */
function attempt(site: ReturnType<typeof freshRelay>, attestation: string): Promise<Answer> {
  return site.create({ 'OAuth-Client-Attestation': attestation, 'OAuth-Client-Attestation-PoP': device.pop() });
}

function expectRefusal(answer: Answer, error = INVALID): void {
  expect([answer.status, answer.json.code]).toEqual([401, 'attestation_invalid']);
  expect(answer.headers.get('WWW-Authenticate')).toBe(`OAuth-Client-Attestation realm="mailbox", error="${error}"`);
}

function expectOutage(answer: Answer): void {
  expect([answer.status, answer.json.code]).toEqual([503, 'authentication_unavailable']);
  expect(Number(answer.headers.get('Retry-After'))).toBeGreaterThan(0);
  expect(answer.headers.get('WWW-Authenticate')).toBeNull();
}

describe('jwks', () => {
  const sibling = makeAttester(clock);

  it('a set of one key: named or not', async () => {
    const site = freshRelay({ jwks: attester.jwks });
    expect((await attempt(site, attester.attest(device))).status).toBe(200);
    expect((await attempt(site, attester.attest(device, { header: { kid: undefined } }))).status).toBe(200);
  });

  it('a set of several keys, as in a rotation: each by its name, and none without', async () => {
    const site = freshRelay({ jwks: { keys: [...attester.jwks.keys, ...sibling.jwks.keys] } });
    expect((await attempt(site, attester.attest(device))).status).toBe(200);
    expect((await attempt(site, sibling.attest(device))).status).toBe(200);
    expectRefusal(await attempt(site, attester.attest(device, { header: { kid: undefined } })));
    expectRefusal(await attempt(site, attester.attest(device, { header: { kid: sibling.kid } })));
  });
});

describe('resolveKey', () => {
  it('is given header and claims, and its key is the one that counts', async () => {
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

  it('may return a JWK', async () => {
    const site = freshRelay({ resolveKey: () => attester.jwks.keys[0] as never });
    expect((await attempt(site, attester.attest(device))).status).toBe(200);
  });

  it('undefined refuses', async () => {
    expectRefusal(await attempt(freshRelay({ resolveKey: () => undefined }), attester.attest(device)));
  });

  it('its RelayError is the answer', async () => {
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
    ['returns true', () => true],
    ['returns null', () => null],
    ['returns a private key', () => attester.privateKey],
    ['returns a private JWK', () => attester.privateKey.export({ format: 'jwk' })],
    ['returns a secret', () => randomBytes(32)],
  ])('%s: 503, never in', async (_, resolveKey) => {
    expectOutage(await attempt(freshRelay({ resolveKey: resolveKey as never }), attester.attest(device)));
  });
});

describe('trustAnchors (x5c, RFC 7515 §4.1.6)', () => {
  const make = (options: CertificateOptions): Issued => issue(options, NOW);
  const root = make({ name: 'root', ca: true });
  const middle = make({ name: 'middle', ca: true, issuer: root });
  const leaf = make({ name: 'leaf', issuer: middle });
  const otherRoot = make({ name: 'root', ca: true });

  /** An attestation signed with the key of the first certificate, with a header of all. */
  function attested(chain: readonly Issued[], x5c: unknown = chain.map(({ base64 }) => base64)): string {
    const [signer] = chain;
    return attester.attest(device, { header: { x5c, kid: undefined }, ...(signer && { key: signer.privateKey }) });
  }

  const direct = make({ name: 'leaf', issuer: root });
  const good: Array<[name: string, chain: readonly Issued[]]> = [
    ['an intermediate certificate', [leaf, middle]],
    ['the anchor sent along', [leaf, middle, root]],
    ['a leaf of the anchor', [direct]],
    ['a leaf that does not limit its use', [make({ name: 'leaf', issuer: root, keyUsage: null })]],
    ['a path as long as allowed', pathOf(0, 1)],
  ];
  it.each(good)('%s', async (_, chain) => {
    const site = freshRelay({ trustAnchors: root.pem });
    expect((await attempt(site, attested(chain))).status).toBe(200);
  });

  it('the one of several anchors that has the same name', async () => {
    const site = freshRelay({ trustAnchors: [otherRoot.pem + root.pem] });
    expect((await attempt(site, attested([leaf, middle]))).status).toBe(200);
  });

  /** A leaf under so many intermediate certificates, of which the topmost allows so many below it. */
  function pathOf(pathLength: number, count: number): readonly Issued[] {
    const chain: Issued[] = [make({ name: 'top', ca: true, issuer: root, pathLength })];
    for (let index = 1; index < count; index += 1) {
      chain.unshift(make({ name: `middle ${index}`, ca: true, issuer: chain[0] as Issued }));
    }
    return [make({ name: 'leaf', issuer: chain[0] as Issued }), ...chain];
  }

  /** The good chain, with one certificate that differs. */
  function withMiddle(options: Partial<CertificateOptions>): readonly Issued[] {
    const changed = make({ name: 'middle', ca: true, issuer: root, ...options });
    return [make({ name: 'leaf', issuer: changed }), changed];
  }
  const withLeaf = (options: Partial<CertificateOptions>): readonly Issued[] => [
    make({ name: 'leaf', issuer: middle, ...options }),
    middle,
  ];
  const selfSigned = make({ name: 'leaf' });

  const bad: Array<[name: string, chain: readonly Issued[], x5c?: unknown]> = [
    ['a leaf that has expired', withLeaf({ notAfter: NOW - HOUR_MS })],
    ['a leaf that is not valid yet', withLeaf({ notBefore: NOW + HOUR_MS })],
    ['a CA that has expired', withMiddle({ notAfter: NOW - HOUR_MS })],
    ['a CA that is not valid yet', withMiddle({ notBefore: NOW + HOUR_MS })],
    ['an issuer that is no CA', withMiddle({ ca: false })],
    ['an issuer that is no CA, but may sign certificates', withMiddle({ ca: false, keyUsage: 0x04 })],
    ['a CA whose key may not sign certificates', withMiddle({ keyUsage: 0x80 })],
    ['a leaf whose key may not sign', withLeaf({ keyUsage: 0x20 })],
    ['the attestation signed with the key of the CA', [middle]],
    ['another root of the same name', [leaf, make({ name: 'middle', ca: true, issuer: otherRoot })]],
    ['another root sent along', [make({ name: 'leaf', issuer: otherRoot }), otherRoot]],
    ['a self-signed leaf', [selfSigned]],
    ['a self-signed leaf before a good chain', [selfSigned, middle, root]],
    ['the anchor alone', [root]],
    ['a chain out of order', [leaf, root, middle]],
    ['a chain turned round', [leaf, middle], [middle.base64, leaf.base64]],
    ['an issuer that is called by another name', withLeaf({ issuer: { ...middle, name: 'elsewhere' } })],
    ['a gap', [leaf], [leaf.base64]],
    ['a stranger in between', [leaf, otherRoot, middle]],
    ['a path longer than allowed', pathOf(0, 2)],
    ['more certificates than any chain needs', pathOf(9, 6)],
    ['a critical extension that nobody knows, in the leaf', withLeaf({ unknownCritical: true })],
    ['a critical extension that nobody knows, in a CA', withMiddle({ unknownCritical: true })],
    ['a certificate signed with SHA-1', withMiddle({ sha1: true })],
    ['the key of another leaf', [leaf, middle], [direct.base64]],
    ['an empty list', [leaf], []],
    ['no list', [leaf], null],
    ['a text', [leaf], leaf.base64],
    ['numbers', [leaf], [1, 2]],
    ['no certificates', [leaf], ['AAAA']],
    ['half a certificate', [leaf], [leaf.base64.slice(0, 200), middle.base64]],
    ['a certificate with a changed bit', [leaf], [flip(leaf.base64), middle.base64]],
  ];
  it.each(bad)('refused: %s', async (_, chain, x5c) => {
    const site = freshRelay({ trustAnchors: root.pem });
    expectRefusal(await attempt(site, attested(chain, x5c === undefined ? chain.map(({ base64 }) => base64) : x5c)));
    expect((await attempt(site, attested([leaf, middle]))).status).toBe(200);
  });

  /** Flips a bit of the signed part, beyond all lengths. */
  function flip(base64: string): string {
    const der = Buffer.from(base64, 'base64');
    der[30] = (der[30] ?? 0) ^ 1;
    return der.toString('base64');
  }

  it('the anchor sent along is not counted, and vouches for nothing by itself', async () => {
    const anchor = make({ name: 'narrow', ca: true, pathLength: 0, keyUsage: 0x84 });
    const site = freshRelay({ trustAnchors: anchor.pem });
    expect((await attempt(site, attested([make({ name: 'leaf', issuer: anchor }), anchor]))).status).toBe(200);
    expectRefusal(await attempt(site, attested([anchor])));
  });

  it('refused: without the header', async () => {
    expectRefusal(await attempt(freshRelay({ trustAnchors: root.pem }), attester.attest(device)));
  });

  it('refused: an anchor that has expired', async () => {
    const old = make({ name: 'old', ca: true, notAfter: NOW - HOUR_MS });
    const site = freshRelay({ trustAnchors: old.pem });
    expectRefusal(await attempt(site, attested([make({ name: 'leaf', issuer: old })])));
  });

  it('dates are judged by the clock of the relay', async () => {
    const site = freshRelay({ trustAnchors: root.pem });
    now = NOW + 25 * HOUR_MS;
    expectRefusal(await attempt(site, attested([leaf, middle])));
  });

  it.each([
    ['no certificate', 'text', 'must hold certificates as PEM'],
    ['a leaf', leaf.pem, 'not of a certification authority'],
    ['a broken one', root.pem.replace(/M/g, 'N'), 'cannot be read'],
  ])('a TypeError for %s', (_, trustAnchors, message) => {
    expect(() => freshRelay({ trustAnchors })).toThrow(TypeError);
    expect(() => freshRelay({ trustAnchors })).toThrow(/^clientAttestation\.trustAnchors: /);
    expect(() => freshRelay({ trustAnchors })).toThrow(message);
  });
});

describe('jwksUri', () => {
  const closing: Server[] = [];
  afterEach(async () => {
    for (const server of closing.splice(0)) await close(server);
  });

  async function close(server: Server): Promise<void> {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  /** A key set server; `answer` may be changed, and `requests` counts. */
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

  it('is fetched by the first request, and once for many', async () => {
    const keys = await serve(attester.jwks);
    const site = freshRelay({ jwksUri: keys.url });
    expect(keys.requests).toBe(0);
    const answers = await Promise.all(Array.from({ length: 5 }, () => attempt(site, attester.attest(device))));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(keys.requests).toBe(1);
  });

  it('a stranger is refused, by a set that was asked for after he came', async () => {
    const keys = await serve(attester.jwks);
    const site = freshRelay({ jwksUri: keys.url });
    await attempt(site, attester.attest(device));
    expectRefusal(await attempt(site, makeAttester(clock).attest(device)));
    expect(keys.requests).toBe(2);
  });

  it('a new key is found at once, though the set was fetched a moment ago', async () => {
    const young = makeAttester(clock);
    const keys = await serve(attester.jwks);
    const site = freshRelay({ jwksUri: keys.url });
    await attempt(site, attester.attest(device));
    keys.answer = (response) => void response.end(JSON.stringify(keysOf(attester, young)));
    expect((await attempt(site, young.attest(device))).status).toBe(200);
  });

  it('made-up keys cost the attester few fetches, and turn no good attestation away', async () => {
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

  it('a key that was taken out of the set is refused once the set is fetched anew', async () => {
    const keys = await serve(attester.jwks);
    const site = freshRelay({ jwksUri: keys.url, jwksMaxAgeSeconds: 60 });
    await attempt(site, attester.attest(device));
    keys.answer = (response) => void response.end(JSON.stringify(makeAttester(clock).jwks));
    now = NOW + 59_000;
    expect((await attempt(site, attester.attest(device))).status).toBe(200);
    now = NOW + 61_000;
    expectRefusal(await attempt(site, attester.attest(device)));
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
  ];
  it.each(outages)('%s: 503 within the time-out, and recovery', async (_, answer) => {
    const keys = await serve(attester.jwks);
    const good = keys.answer;
    const site = freshRelay({ jwksUri: keys.url, timeoutMs: 300 });
    keys.answer = answer;
    const started = performance.now();
    expectOutage(await attempt(site, attester.attest(device)));
    expect(performance.now() - started).toBeLessThan(1500);
    keys.answer = good;
    expect((await attempt(site, attester.attest(device))).status).toBe(200);
  });

  it('killed and started again: 503, then in', async () => {
    const keys = await serve(attester.jwks);
    await close(keys.server);
    const site = freshRelay({ jwksUri: keys.url });
    expectOutage(await attempt(site, attester.attest(device)));
    await serve(attester.jwks, keys.port);
    expect((await attempt(site, attester.attest(device))).status).toBe(200);
  });

  it('connections that are taken and never answered: 503 within the default of 2 s', async () => {
    const deaf = createTcpServer(() => {});
    await new Promise<void>((resolve) => deaf.listen(0, '127.0.0.1', resolve));
    const { port } = deaf.address() as AddressInfo;
    const site = freshRelay({ jwksUri: `http://127.0.0.1:${port}/keys` });
    const started = performance.now();
    expectOutage(await attempt(site, attester.attest(device)));
    expect(performance.now() - started).toBeLessThan(2900);
    deaf.close();
  });

  it('an outage leaves known keys good, and does not refuse unknown ones', async () => {
    const keys = await serve(attester.jwks);
    const site = freshRelay({ jwksUri: keys.url });
    await attempt(site, attester.attest(device));
    await close(keys.server);
    expect((await attempt(site, attester.attest(device))).status).toBe(200);
    expectOutage(await attempt(site, makeAttester(clock).attest(device)));
  });

  it('after its age a set is used no more, but for jwksStaleIfErrorSeconds', async () => {
    const keys = await serve(attester.jwks);
    const strict = freshRelay({ jwksUri: keys.url, jwksMaxAgeSeconds: 60 });
    const patient = freshRelay({ jwksUri: keys.url, jwksMaxAgeSeconds: 60, jwksStaleIfErrorSeconds: 60 });
    for (const site of [strict, patient]) await attempt(site, attester.attest(device));
    await close(keys.server);
    now = NOW + 61_000;
    expectOutage(await attempt(strict, attester.attest(device)));
    expect((await attempt(patient, attester.attest(device))).status).toBe(200);
    now = NOW + 121_000;
    expectOutage(await attempt(patient, attester.attest(device)));
  });

  it('the fetch of the host is used, if there is one', async () => {
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
