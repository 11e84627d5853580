import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { createServer, request } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { allOf, createRelay } from 'credential-relay';
import { clientAttestation } from 'credential-relay/adapters/auth/client-attestation';
import { oauthBearer } from 'credential-relay/adapters/auth/oauth-bearer';
import { calculateJwkThumbprint } from 'jose';
import { afterEach, describe, expect, it } from 'vitest';
import { attestedRelay, makeAttester, makeDevice } from '../../../support/attester/attester.js';
import { CLIENTS, startAuthorizationServer } from '../../../support/auth/authorization-server.js';
import { LOCALHOST } from '../../../support/network/tls.js';
import { createBody, PUBLIC_URL } from '../../../support/relay/relay.js';
import { troubledStore } from '../../../support/store/stores.js';

/* The options of clientAttestation, its metadata, and its combination with other hooks. */

const attester = makeAttester(Date.now);
const device = makeDevice(Date.now);
const { jwks } = attester;
const good = { ...jwks.keys[0] };

function jwkOf(kind: 'x25519' | 'ed25519' | 'rsa', modulusLength = 2048): Record<string, unknown> {
  const make = generateKeyPairSync as (kind: string, options: object) => { publicKey: KeyObject };
  return { ...make(kind, { modulusLength }).publicKey.export({ format: 'jwk' }) };
}

describe('the options of clientAttestation', () => {
  const privateJwk = { ...attester.privateKey.export({ format: 'jwk' }), kid: 'secret-kid' };
  const cases: Array<[options: Record<string, unknown>, message: RegExp]> = [
    [{}, /^clientAttestation: requires exactly one of jwks, jwksUri, trustAnchors, resolveKey$/],
    [{ jwks, jwksUri: 'https://a.example' }, /^clientAttestation: requires exactly one of /],
    [{ jwks: {} }, /^clientAttestation\.jwks\.keys: is required and must be an array$/],
    [{ jwks: { keys: [] } }, /^clientAttestation\.jwks\.keys: must not be empty$/],
    [{ jwks: { keys: [privateJwk] } }, /^clientAttestation\.jwks\.keys\.0: must be a public key/],
    [{ jwks: { keys: [{ kty: 'oct', k: 'c2VjcmV0' }] } }, /^clientAttestation\.jwks\.keys\.0: must be a public key/],
    [{ jwks: { keys: [null] } }, /^clientAttestation\.jwks\.keys\.0: must be a public key/],
    [
      { jwks: { keys: [{ kty: 'EC', crv: 'P-256' }] } },
      /^clientAttestation\.jwks\.keys\.0: must be a key that can verify/,
    ],
    [{ jwks: { keys: [{ ...good, x: 'AA' }] } }, /^clientAttestation\.jwks\.keys\.0: must be a key that can verify/],
    [
      { jwks: { keys: [good, { ...good, alg: 'ES384' }] } },
      /^clientAttestation\.jwks\.keys\.1: must be a key that can/,
    ],
    [{ jwks: { keys: [jwkOf('x25519')] } }, /^clientAttestation\.jwks\.keys\.0: must be a key that can verify/],
    [{ jwks: { keys: [jwkOf('rsa', 1024)] } }, /^clientAttestation\.jwks\.keys\.0: must be a key that can verify/],
    [
      { jwksUri: 'http://attester.example/keys' },
      /^clientAttestation\.jwksUri: must be an https URL; http is allowed on loopback names only$/,
    ],
    [{ jwksUri: '/keys' }, /^clientAttestation\.jwksUri: must be an absolute URL$/],
    [{ trustAnchors: [] }, /^clientAttestation\.trustAnchors: must contain certificates in PEM$/],
    [{ trustAnchors: 7 }, /^clientAttestation\.trustAnchors: must be a string or a list of strings$/],
    [{ resolveKey: 'me' }, /^clientAttestation\.resolveKey: must be a function$/],
    [{ jwks, apps: [] }, /^clientAttestation\.apps: must not be empty$/],
    [{ jwks, apps: 'app' }, /^clientAttestation\.apps: must be an array$/],
    [{ jwks, audience: '' }, /^clientAttestation\.audience: must not be empty$/],
    [{ jwks, algorithms: ['none'] }, /^clientAttestation\.algorithms\.0: must be one of ES256, /],
    [{ jwks, algorithms: ['HS256'] }, /^clientAttestation\.algorithms\.0: /],
    [{ jwks, popAlgorithms: [] }, /^clientAttestation\.popAlgorithms: must not be empty$/],
    [{ jwks, popMethods: ['none'] }, /^clientAttestation\.popMethods\.0: must be one of attestation_pop_jwt, /],
    [{ jwks, challenge: true }, /^clientAttestation\.challenge: must be one of required, optional, off$/],
    [{ jwks, popMaxAgeSeconds: 0 }, /^clientAttestation\.popMaxAgeSeconds: must be a whole number from 1 to 600$/],
    [{ jwks, popMaxAgeSeconds: 601 }, /^clientAttestation\.popMaxAgeSeconds: must be a whole number from 1 to 600$/],
    [
      { jwks, attestationMaxAgeSeconds: 1.5 },
      /^clientAttestation\.attestationMaxAgeSeconds: must be a whole number from 1 to /,
    ],
    [
      { jwks, clockToleranceSeconds: -1 },
      /^clientAttestation\.clockToleranceSeconds: must be a whole number from 0 to 300$/,
    ],
    [
      { jwks, timeoutMs: '2s' },
      /^clientAttestation\.timeoutMs: must be a whole number from 20 to 60000, in milliseconds, not a string/,
    ],
    [{ jwks, jwksMaxAgeSeconds: 0 }, /^clientAttestation\.jwksMaxAgeSeconds: must be a whole number from 1 to 86400$/],
    [{ jwks, ca: '-----BEGIN' }, /^clientAttestation\.ca: has no effect without jwksUri$/],
    [{ jwks, ca: [] }, /^clientAttestation\.ca: must be PEM certificates/],
    [{ jwks, attestationMaxAgeSeconds: 86_400_000 }, /^clientAttestation\.attestationMaxAgeSeconds: .* to 31622400$/],
    [{ jwks, fetch: true }, /^clientAttestation\.fetch: must be a function$/],
    [
      { jwksUri: 'https://attester.example/jwks', ca: '-----BEGIN', fetch },
      /^clientAttestation\.ca: cannot be combined with fetch/,
    ],
    [{ jwks, attestationAudience: '' }, /^clientAttestation\.attestationAudience: /],
    [{ jwks, attestationAudience: [] }, /^clientAttestation\.attestationAudience: must not be empty$/],
    [
      { jwks, attestationAudience: 7 },
      /^clientAttestation\.attestationAudience: must be a string or a list of strings$/,
    ],
    [{ jwks, popMaxAge: 60 }, /^clientAttestation\.popMaxAge: there is no such option/],
  ];
  it.each(cases)('an error message names the wrong option: %j', (options, message) => {
    const make = () => clientAttestation(options as never);
    expect(make).toThrow(TypeError);
    expect(make).toThrow(message);
    expect(make).not.toThrow(/secret-kid|c2VjcmV0/);
  });

  it.each([
    ['P-256', good],
    ['P-256 without alg', { ...good, alg: undefined }],
    ['Ed25519', jwkOf('ed25519')],
    ['RSA', { ...jwkOf('rsa', 2048), alg: 'PS256' }],
    ['a key for encryption beside it', { ...jwkOf('x25519'), use: 'enc', alg: 'ECDH-ES' }],
  ])('a key set of an attester is accepted: %s', (_, key) => {
    expect(clientAttestation({ jwks: { keys: [key, ...jwks.keys] } })).toBeTypeOf('function');
  });

  it('an option may be undefined', () => {
    expect(clientAttestation({ jwks, jwksUri: undefined, apps: undefined, ca: undefined })).toBeTypeOf('function');
  });
});

describe('the metadata of clientAttestation [draft §8]', () => {
  it('the metadata name the default algorithms and methods', () => {
    expect(clientAttestation({ jwks }).metadata).toEqual({
      client_attestation_signing_alg_values_supported: expect.arrayContaining(['ES256', 'PS256', 'EdDSA']),
      client_attestation_pop_signing_alg_values_supported: expect.arrayContaining(['ES256', 'PS256', 'EdDSA']),
      client_attestation_pop_methods_supported: ['attestation_pop_jwt', 'dpop_combined'],
      dpop_signing_alg_values_supported: expect.arrayContaining(['ES256']),
    });
  });

  it('the metadata name the algorithms and methods of the options', () => {
    const popMethods = ['attestation_pop_jwt'] as const;
    const { metadata } = clientAttestation({ jwks, algorithms: ['ES384'], popAlgorithms: ['ES256'], popMethods });
    expect(metadata).toEqual({
      client_attestation_signing_alg_values_supported: ['ES384'],
      client_attestation_pop_signing_alg_values_supported: ['ES256'],
      client_attestation_pop_methods_supported: ['attestation_pop_jwt'],
    });
  });

  it('every challenge names the metadata if the host serves them [RFC 9728 §5.1]', async () => {
    const site = attestedRelay({ jwks });
    const url = 'http://localhost/.well-known/oauth-protected-resource/relay';
    const document = await site.relay.wellKnown().fetch(new Request(url));
    expect(await document.json()).toMatchObject({ resource: PUBLIC_URL, ...clientAttestation({ jwks }).metadata });
    const attestation = attester.attest(device);
    for (const proof of [{}, { 'OAuth-Client-Attestation': attestation }, { DPoP: device.dpop() }]) {
      const { headers } = await site.create({ ...proof, 'Mailbox-Device-Attestation': attestation });
      expect(headers.get('WWW-Authenticate')).toContain(`resource_metadata="${url}"`);
    }
    expect((await site.create({})).headers.get('WWW-Authenticate')).toBe(
      `OAuth-Client-Attestation realm="mailbox", resource_metadata="${url}"`,
    );
  });

  it('algorithms that the metadata do not list are rejected', async () => {
    for (const options of [{ algorithms: ['ES384'] }, { popAlgorithms: ['ES384'] }]) {
      const site = attestedRelay({ jwks, challenge: 'off', ...options });
      const attestation = { 'OAuth-Client-Attestation': attester.attest(device) };
      const pop = await site.create({ ...attestation, 'OAuth-Client-Attestation-PoP': device.pop() });
      const dpop = await site.create({ ...attestation, DPoP: device.dpop() });
      expect([pop.json.code, dpop.json.code]).toEqual(['attestation_invalid', 'attestation_invalid']);
    }
  });
});

describe('clientAttestation in a relay', () => {
  const closing: Array<() => void> = [];
  afterEach(() => {
    for (const close of closing.splice(0)) close();
  });

  it.each(['OAuth-Client-Attestation', 'OAuth-Client-Attestation-PoP', 'DPoP', 'Mailbox-Device-Attestation'])(
    'a header %s that is sent twice is a 400 [draft §7.1, §7.2, §7.3]',
    async (name) => {
      const authenticate = clientAttestation({ jwks, challenge: 'off' });
      const relay = createRelay({ publicUrl: 'http://localhost/relay', authenticate });
      const server = createServer(relay.node()).listen(0, '127.0.0.1');
      closing.push(() => server.close());
      await new Promise((resolve) => server.once('listening', resolve));
      const headers: Record<string, string | string[]> = {
        'Content-Type': 'application/json',
        'Mailbox-Request-ID': crypto.randomUUID(),
        'Mailbox-Device-Claim': crypto.randomUUID(),
        'OAuth-Client-Attestation': attester.attest(device),
        ...(name === 'DPoP' ? {} : { 'OAuth-Client-Attestation-PoP': device.pop() }),
      };
      const value = headers[name] ?? attester.attest(device);
      headers[name] = [value, value].flat();
      const { port } = server.address() as AddressInfo;
      const answer = await new Promise<{ status: number; text: string }>((resolve, reject) => {
        const sent = request({ port, host: '127.0.0.1', path: '/relay/v1/m', method: 'POST', headers }, (incoming) => {
          let text = '';
          incoming.setEncoding('utf8').on('data', (chunk: string) => {
            text += chunk;
          });
          incoming.once('end', () => resolve({ status: incoming.statusCode ?? 0, text }));
        });
        sent.once('error', reject).end(JSON.stringify(createBody()));
      });
      expect([answer.status, JSON.parse(answer.text).code]).toEqual([400, 'header_repeated']);
    },
  );

  it('a header that is sent twice through the fetch handler, which joins the values, is rejected', async () => {
    const site = attestedRelay({ jwks, challenge: 'off' });
    const [attestation, pop] = [attester.attest(device), device.pop()];
    const twice = { 'OAuth-Client-Attestation': `${attestation}, ${attestation}`, 'OAuth-Client-Attestation-PoP': pop };
    expect((await site.create(twice)).json.code).toBe('attestation_invalid');
  });

  it('one DPoP proof with one nonce is valid once for oauthBearer and clientAttestation together [draft §5.2]', async () => {
    const server = await startAuthorizationServer();
    closing.push(() => void server.close());
    const app = makeAttester(Date.now, CLIENTS.jwt.id);
    const bearer = oauthBearer({ issuer: server.issuer, dpop: 'required', dpopNonce: true });
    const site = attestedRelay({ jwks: app.jwks }, { combine: (hook) => allOf(bearer, hook) });
    const jkt = await calculateJwkThumbprint(device.jwk);
    const token = await server.sign({ ...server.claims(PUBLIC_URL), client_id: app.app, cnf: { jkt } });
    const ath = createHash('sha256').update(token).digest('base64url');
    const send = (nonce?: string, attestation = app.attest(device), proof = device.dpop(nonce, { claims: { ath } })) =>
      site.create({ Authorization: `DPoP ${token}`, DPoP: proof, 'OAuth-Client-Attestation': attestation });

    const asked = await send();
    expect(asked.headers.get('WWW-Authenticate')).toContain('error="use_dpop_nonce"');
    const nonce = asked.headers.get('DPoP-Nonce') ?? '';
    const proof = device.dpop(nonce, { claims: { ath } });
    expect((await send(nonce, undefined, proof)).status).toBe(200);
    expect((await send(nonce, undefined, proof)).status).toBe(401);
    expect((await send(nonce, attester.attest(device))).json.code).toBe('attestation_invalid');
  });

  it('a store that does not respond is a 503, since the use of the proof is unknown', async () => {
    let broken = false;
    const store = troubledStore(() => {
      if (broken) throw new Error('down');
    });
    const site = attestedRelay({ jwks, challenge: 'off' }, { store });
    broken = true;
    const headers = {
      'OAuth-Client-Attestation': attester.attest(device),
      'OAuth-Client-Attestation-PoP': device.pop(),
    };
    const answer = await site.create(headers);
    expect([answer.status, answer.json.code]).toEqual([503, 'store_unavailable']);
  });

  it('the option ca replaces the certificate authorities for jwksUri', async () => {
    const server = createTlsServer({ ...LOCALHOST }, (_, response) => void response.end(JSON.stringify(jwks)));
    server.listen(0, '127.0.0.1');
    closing.push(() => {
      server.closeAllConnections();
      server.close();
    });
    await new Promise((resolve) => server.once('listening', resolve));
    const jwksUri = `https://localhost:${(server.address() as AddressInfo).port}/keys`;
    const statuses: number[] = [];
    for (const ca of [LOCALHOST.cert, undefined]) {
      const site = attestedRelay({ jwksUri, ca, challenge: 'off' });
      const pop = device.pop();
      const headers = { 'OAuth-Client-Attestation': attester.attest(device), 'OAuth-Client-Attestation-PoP': pop };
      statuses.push((await site.create(headers)).status);
    }
    expect(statuses).toEqual([200, 503]);
  });
});
