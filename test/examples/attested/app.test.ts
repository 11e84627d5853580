/** examples/attested: its scenario, app and attester. */
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type CryptoKey,
  calculateJwkThumbprint,
  createLocalJWKSet,
  decodeProtectedHeader,
  exportJWK,
  generateKeyPair,
  type JSONWebKeySet,
  jwtVerify,
} from 'jose';
import { build } from 'tsup';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { createApp } from '../../../examples/attested/app.js';
import { createAttester } from '../../../examples/attested/attester.js';
import { createChallenges } from '../../../examples/attested/challenges.js';
import type { VerifyEvidence } from '../../../examples/attested/evidence.js';
import { runScenario } from '../../../examples/attested/scenario.js';
import { startServers } from '../../../examples/attested/servers.js';
import { createTrace } from '../../../examples/attested/trace.js';
import { expectPage, expectProblem } from '../../support/hosts/expect.js';
import { openServer } from '../../support/hosts/server.js';
import { ROOT } from '../../support/process/built.js';
import { newDevice } from '../../support/protocol/device.js';
import { send } from '../../support/protocol/http.js';

const toClose: Array<() => Promise<unknown>> = [];

afterEach(async () => {
  vi.restoreAllMocks();
  for (const close of toClose.splice(0)) await close();
});

/** Route, number and time of a line taken off: what is left is the same in every run. */
const withoutDurations = (line: string): string =>
  line
    .replace(/ +[\d.]+ ms +/, ' ')
    .replace(/ {2,}/g, ' ')
    .trim();

const CREATE = [
  'sender → relay CreateMailbox 401 no credentials: the answer names the metadata (token_required)',
  'sender → relay metadata (RFC 9728) 200 names the authorization server',
  'sender → backend challenge 200 for the evidence of the platform',
  'sender → backend attestation 200 the evidence is valid: an attestation of the new key',
  'sender → login metadata 200 names the endpoints',
  'sender → login challenge 200 for the proof of the key',
  'sender → login token 200 by the attestation, without a secret; bound to the key',
  'sender → relay CreateMailbox 401 with both: the relay requires its challenge (use_attestation_challenge)',
  'sender → relay CreateMailbox 200 with the signed challenge: a mailbox',
];

const SCENARIO = [
  ...CREATE,
  'receiver → relay ReadSecureContent 200 without token and attestation',
  'receiver → relay DeleteMailbox 200 has the key, and deletes the mailbox',
  ...CREATE,
  'sender → relay CreateMailbox 401 an attestation, but no token (token_required)',
  'sender → relay CreateMailbox 401 a token, but no attestation (attestation_required)',
  'thief → relay CreateMailbox 401 the token, with the proof of another key (token_invalid)',
  'thief → relay CreateMailbox 401 the attestation, with the proof of another key (attestation_invalid)',
  'sender → relay CreateMailbox 200 both again: accepted',
  'sender → relay CreateMailbox 401 the same proof a second time (attestation_invalid)',
  'kiosk → backend challenge 200 another app of the same company',
  'kiosk → backend attestation 200 is genuine as well',
  "kiosk → relay CreateMailbox 403 its own attestation, with the wallet's token (forbidden)",
  'emulator → backend challenge 200 not a phone of the platform',
  'emulator → backend attestation 403 its evidence has another root (evidence_refused)',
];

describe('npm run example -- attested', () => {
  test('the example prints the whole scenario and ends with 0', async () => {
    await mkdir(join(ROOT, '.cache'), { recursive: true });
    const folder = await mkdtemp(join(ROOT, '.cache/attested-'));
    toClose.push(() => rm(folder, { recursive: true, force: true }));
    const external = ['express', 'oidc-provider', 'appattest-checker-node'];
    const entry = [join(ROOT, 'examples/attested/server.ts')];
    await build({ entry, outDir: folder, format: 'esm', config: false, silent: true, dts: false, external });

    const { code, out, error } = await run(join(folder, 'server.js'));
    expect({ code, error }).toEqual({ code: 0, error: '' });
    const lines = out.split('\n').filter((line) => / → /.test(line));
    expect(lines.map(withoutDurations)).toEqual(SCENARIO.map((line, index) => `${index + 1} ${line}`));
    expect(out).toMatch(/attested {2}the app wallet\.example and a key, no data of the device: cnf, exp, iat, sub\n/);
  });

  test('the example prints no token, attestation, proof, claim, evidence, challenge, key or link', async () => {
    vi.spyOn(console, 'info').mockReturnValue();
    vi.spyOn(console, 'warn').mockReturnValue();
    const secrets = new Set<string>();
    const real = globalThis.fetch;
    vi.spyOn(globalThis, 'fetch').mockImplementation(async (input, init) => {
      const response = await real(input, init);
      for (const text of findSecrets(init, await response.clone().text())) secrets.add(text);
      return response;
    });
    const servers = await startServers();
    toClose.push(servers.close);
    const lines: string[] = [];
    await runScenario(servers, (line) => lines.push(line));

    expect(lines.filter((line) => / → /.test(line))).toHaveLength(SCENARIO.length);
    expect(secrets.size).toBeGreaterThan(60);
    for (const secret of secrets) expect(lines.join('\n')).not.toContain(secret.slice(0, 12));
    // Also no whole link and no Secret.
    expect(lines.join('\n')).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}|#/);
  });

  test('the trace fails if a request has another result than expected', async () => {
    const { server, origin, close } = await openServer();
    toClose.push(close);
    server.on('request', (_request, response) => response.end('{}'));
    const trace = createTrace(() => undefined, { [origin]: 'relay' });
    const ask = (ask: typeof fetch) => ask(origin);
    await expect(trace.step('sender', [['relay', 'CreateMailbox', 401, '']], ask)).rejects.toThrow(
      'answered 401 by relay',
    );
    await expect(trace.step('sender', [['login', 'token', 200, '']], ask)).rejects.toThrow('answered 200 by login');
    await expect(trace.step('sender', [], ask)).rejects.toThrow('Request 3');
    await expect(trace.refusal('thief', [['relay', 'CreateMailbox', 200, '']], ask)).rejects.toThrow('refused');
    const twice = [
      ['relay', 'CreateMailbox', 200, ''],
      ['relay', 'CreateMailbox', 200, ''],
    ] as const;
    await expect(trace.step('sender', twice, ask)).rejects.toThrow('another');
  });
});

/** The credentials in headers and bodies of requests and answers. */
function findSecrets(init: RequestInit | undefined, answer: string): readonly string[] {
  const named = /^(authorization|dpop|oauth-client-attestation.*|mailbox-device-claim)$/;
  const sent = [...new Headers(init?.headers)].filter(([name]) => named.test(name)).map(([, value]) => value);
  const bodies = [init?.body, answer].flatMap((body) => findLeaves(String(body ?? '')));
  return [...sent, ...bodies]
    .flatMap((value) => value.replace(/^DPoP /, '').split('.'))
    .filter((text) => /^[\w+/=-]{20,}$/.test(text) && !/^[a-z_]+$/.test(text));
}

function findLeaves(text: string): readonly string[] {
  try {
    const values: string[] = [];
    JSON.parse(text, (name, value) => {
      if (typeof value === 'string' && !/_(algs?|uri|endpoint)|supported/.test(name)) values.push(value);
    });
    return values;
  } catch {
    return [];
  }
}

function run(file: string): Promise<{ code: number | null; out: string; error: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'pipe'], timeout: 15_000 });
    const texts = { out: '', error: '' };
    child.stdout.setEncoding('utf8').on('data', (chunk) => (texts.out += chunk));
    child.stderr.setEncoding('utf8').on('data', (chunk) => (texts.error += chunk));
    child.once('close', (code) => resolve({ code, ...texts }));
  });
}

describe('the example’s app', () => {
  test('the app names the authorization server, guards the create, and serves its own page', async () => {
    const { server, origin, close } = await openServer();
    toClose.push(close);
    const publicUrl = `${origin}/relay`;
    // The app calls the issuer only after it has received a token.
    server.on(
      'request',
      createApp({ publicUrl, issuer: 'http://127.0.0.1:9', attesterJwksUri: 'http://127.0.0.1:9/jwks' }),
    );

    const metadataUrl = `${origin}/.well-known/oauth-protected-resource/relay`;
    const metadata = JSON.parse((await send({ method: 'GET', url: metadataUrl })).text);
    expect(metadata).toMatchObject({
      resource: publicUrl,
      authorization_servers: ['http://127.0.0.1:9'],
      scopes_supported: ['relay.create'],
      dpop_bound_access_tokens_required: true,
      client_attestation_pop_methods_supported: ['attestation_pop_jwt', 'dpop_combined'],
    });
    const refusal = await newDevice().create(publicUrl);
    expectProblem(refusal, 401, 'token_required');
    expect(refusal.headers['www-authenticate']).toContain(`resource_metadata="${metadataUrl}"`);
    expectPage(await send({ method: 'GET', url: `${origin}/` }), 200, 'The front desk.');
  });
});

describe('the example’s attester', () => {
  let key: CryptoKey;
  let jwk: Record<string, unknown>;

  beforeAll(async () => {
    const pair = await generateKeyPair('ES256', { extractable: true });
    key = pair.privateKey;
    jwk = { ...(await exportJWK(pair.publicKey)) };
  });

  /** A backend that accepts any evidence that names the expected text. */
  async function backend(verify: VerifyEvidence = async (evidence, bound) => evidence === bound) {
    const { server, origin, close } = await openServer();
    toClose.push(close);
    server.on('request', await createAttester({ apps: { wallet: verify } }));
    const post = async (path: string, body?: object) => {
      const headers = { 'Content-Type': 'application/json' };
      const init = body === undefined ? {} : { headers, body: JSON.stringify(body) };
      const response = await fetch(origin + path, { method: 'POST', ...init });
      const json = (await response.json()) as Record<string, string>;
      return { status: response.status, headers: response.headers, json };
    };
    const { challenge } = (await post('/challenge')).json;
    const good = { client_id: 'wallet', challenge, jwk, evidence: `${challenge} ${await thumbprint(jwk)}` };
    return { origin, good, attest: (body: object) => post('/attestation', body) };
  }

  async function thumbprint(of: Record<string, unknown>): Promise<string> {
    return calculateJwkThumbprint(of);
  }

  test('the attester signs app and key, and nothing else, with its published key (draft §4)', async () => {
    const { origin, good, attest } = await backend();
    const { status, headers, json } = await attest({
      ...good,
      jwk: { ...jwk, ...(await exportJWK(key)), kid: 'phone-1' },
    });
    expect(status).toBe(200);
    expect(headers.get('Cache-Control')).toBe('no-store');
    const jwks = (await (await fetch(`${origin}/jwks`)).json()) as JSONWebKeySet;
    expect(jwks.keys[0]).not.toHaveProperty('d');
    const { payload } = await jwtVerify(json.attestation ?? '', createLocalJWKSet(jwks), {
      typ: 'oauth-client-attestation+jwt',
    });
    expect(decodeProtectedHeader(json.attestation ?? '')).toMatchObject({ alg: 'ES256', kid: jwks.keys[0]?.kid });
    const { iat = 0 } = payload;
    expect(payload).toEqual({ sub: 'wallet', iat, exp: iat + 300, cnf: { jwk } });
  });

  test('the attester accepts its own challenges, once, until they expire', async () => {
    const { good, attest } = await backend();
    expect((await attest({ ...good, challenge: `x${good.challenge}` })).json).toEqual({ error: 'evidence_refused' });
    expect((await attest(good)).status).toBe(200);
    expect(await attest(good)).toMatchObject({ status: 403, json: { error: 'evidence_refused' } });

    let now = 0;
    const challenges = createChallenges({ lifetimeMs: 1000, limit: 2, clock: () => now });
    const [first, second, third] = [challenges.issue(), challenges.issue(), challenges.issue()];
    expect(challenges.use(first)).toBe(false); // the limit removed the oldest
    now = 999;
    expect(challenges.use(second)).toBe(true);
    now = 1000;
    expect(challenges.use(third)).toBe(false);
  });

  test('the attester refuses evidence for another key, and answers 503 if the platform does not answer', async () => {
    const other = await exportJWK((await generateKeyPair('ES256')).publicKey);
    const { good, attest } = await backend();
    expect((await attest({ ...good, jwk: other })).status).toBe(403);
    const down = await backend(async () => {
      throw new Error('down');
    });
    expect(await down.attest(down.good)).toMatchObject({ status: 503, json: { error: 'temporarily_unavailable' } });
  });

  test.each([
    ['no app', { client_id: undefined }],
    ['an app that it does not know', { client_id: 'kiosk' }],
    ['an app by the name of an inherited member', { client_id: 'toString' }],
    ['a key of another kind', { jwk: { kty: 'oct', k: 'AAAA' } }],
    ['a point that is not on the curve', { jwk: { kty: 'EC', crv: 'P-256', x: 'A'.repeat(43), y: 'A'.repeat(43) } }],
    ['no evidence', { evidence: 1 }],
  ])('the attester answers 400 to %s, and the challenge stays valid', async (_what, change) => {
    const { good, attest } = await backend();
    expect(await attest({ ...good, ...change })).toMatchObject({ status: 400, json: { error: 'invalid_request' } });
    expect((await attest(good)).status).toBe(200);
  });
});
