import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { memoryStore } from 'credential-relay/adapters/store/memory';
import { describe, expect, it } from 'vitest';
import {
  type AttestedRelay,
  type AttestedRelayOptions,
  attestedRelay,
  type Defects,
  forgeClaims,
  makeAttester,
  makeDevice,
} from '../../../support/attester/attester.js';
import { type Answer, PUBLIC_URL } from '../../../support/relay/relay.js';

/* draft-ietf-oauth-attestation-based-client-auth at a resource server: what is accepted, and each single defect. */

const START = Date.UTC(2030, 5, 15, 12, 0, 30);

/** A stopped clock that a test moves. */
let now = START;
const clock = (): number => now;
const seconds = (offset: number): number => Math.floor(START / 1000) + offset;

const attester = makeAttester(clock);
const stranger = makeAttester(clock);
const other = makeDevice(clock);
const trusting = { jwks: attester.jwks };

function freshRelay(options = {}, parts: AttestedRelayOptions = {}): AttestedRelay {
  now = START;
  return attestedRelay({ ...trusting, ...options }, { clock, ...parts });
}

function sent(attestation?: string, pop?: string, dpop?: string): Record<string, string> {
  return {
    ...(attestation === undefined ? {} : { 'OAuth-Client-Attestation': attestation }),
    ...(pop === undefined ? {} : { 'OAuth-Client-Attestation-PoP': pop }),
    ...(dpop === undefined ? {} : { DPoP: dpop }),
  };
}

const CHALLENGE = /^[\w-]{43}$/;

/** Asserts a 401 of the hook: the code, the challenge, and the fresh challenge of the draft. */
function expectRefusal(answer: Answer, error: string | undefined): void {
  expect([answer.status, answer.json.code]).toEqual([
    401,
    error === undefined ? 'attestation_required' : 'attestation_invalid',
  ]);
  const written = error === undefined ? '' : `, error="${error}"`;
  expect(answer.headers.get('WWW-Authenticate')).toBe(`OAuth-Client-Attestation realm="mailbox"${written}`);
  expect(answer.headers.get('OAuth-Client-Attestation-Challenge')).toMatch(CHALLENGE);
}

const INVALID = 'invalid_client_attestation';

/** One key spelled in other ways (RFC 7515 §2, RFC 7518 §6), which would have other thumbprints. */
const bytesOf = (text: string): Buffer => Buffer.from(text, 'base64url');
const withLeadingZero = (text: string): string => Buffer.concat([Buffer.alloc(1), bytesOf(text)]).toString('base64url');
const withOtherAlphabet = (text: string): string => bytesOf(text).toString('base64');
function withStrayBits(text: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return text.slice(0, -1) + alphabet[alphabet.indexOf(text.at(-1) ?? '') + 1];
}

/** A 401 where no challenges are given out. */
function expectRejected(answer: Answer): void {
  expect([answer.status, answer.json.code]).toEqual([401, 'attestation_invalid']);
}

describe('what is accepted', () => {
  it('§7.2: an attestation with a PoP of its key that carries a challenge of the relay', async () => {
    const site = freshRelay();
    const device = makeDevice(clock);
    const answer = await site.create(sent(attester.attest(device), device.pop(await site.challenge())));
    expect(answer.status).toBe(200);
  });

  it('the attestation in Mailbox-Device-Attestation, and the same one in both headers', async () => {
    const site = freshRelay();
    const device = makeDevice(clock);
    const attestation = attester.attest(device);
    for (const twice of [undefined, attestation]) {
      const headers = sent(twice, device.pop(await site.challenge()));
      expect((await site.create({ ...headers, 'Mailbox-Device-Attestation': attestation })).status).toBe(200);
    }
  });

  it('an opaque Mailbox-Device-Attestation beside it, which is for other hooks', async () => {
    const site = freshRelay();
    const device = makeDevice(clock);
    const headers = sent(attester.attest(device), device.pop(await site.challenge()));
    expect((await site.create({ ...headers, 'Mailbox-Device-Attestation': 'b3BhcXVl' })).status).toBe(200);
  });

  it('§10.2: one attestation with a fresh PoP for each request, under one challenge', async () => {
    const site = freshRelay();
    const device = makeDevice(clock);
    const challenge = await site.challenge();
    const attestation = attester.attest(device);
    for (let time = 0; time < 3; time += 1) {
      expect((await site.create(sent(attestation, device.pop(challenge)))).status).toBe(200);
    }
  });

  it('§5.2: a DPoP proof of the attested key with a DPoP nonce of the relay', async () => {
    const site = freshRelay();
    const device = makeDevice(clock);
    const refused = await site.create(sent(attester.attest(device), undefined, device.dpop()));
    const nonce = refused.headers.get('DPoP-Nonce') ?? '';
    expect(nonce).toMatch(CHALLENGE);
    expect((await site.create(sent(attester.attest(device), undefined, device.dpop(nonce)))).status).toBe(200);
  });

  it('§5.2 of -10: a DPoP proof with the challenge of the draft as its nonce', async () => {
    const site = freshRelay();
    const device = makeDevice(clock);
    const proof = device.dpop(await site.challenge());
    expect((await site.create(sent(attester.attest(device), undefined, proof))).status).toBe(200);
  });

  it('§7: a PoP with an unrelated DPoP proof beside it, which is for other hooks', async () => {
    const site = freshRelay();
    const device = makeDevice(clock);
    const pop = device.pop(await site.challenge());
    expect((await site.create(sent(attester.attest(device), pop, other.dpop()))).status).toBe(200);
  });

  const tolerated: Array<[name: string, attestation: Defects, pop: Defects]> = [
    ['an attestation without iat (-10)', { claims: { iat: undefined } }, {}],
    ['an attestation that expired 29 s ago', { claims: { exp: seconds(-29) } }, {}],
    ['an attestation from 30 s ahead', { claims: { iat: seconds(30), nbf: seconds(30) } }, {}],
    ['claims that nobody knows', { claims: { iss: 'https://attester.example', x: 1 } }, { claims: { iss: 'x' } }],
    ['a PoP of 150 s ago', {}, { claims: { iat: seconds(-150) } }],
    ['a PoP from 30 s ahead', {}, { claims: { iat: seconds(30) } }],
    ['the relay as its audience', { claims: { aud: PUBLIC_URL } }, {}],
    ['the relay among its audiences', { claims: { aud: ['https://another.example', PUBLIC_URL] } }, {}],
    ['a typ written as media type', { header: { typ: 'application/oauth-client-attestation+jwt' } }, {}],
  ];
  it.each(tolerated)('%s', async (_, attestation, pop) => {
    const site = freshRelay();
    const device = makeDevice(clock);
    const headers = sent(attester.attest(device, attestation), device.pop(await site.challenge(), pop));
    expect((await site.create(headers)).status).toBe(200);
  });

  it('the principal names the app, the hook, and nothing of the device', async () => {
    const principals: unknown[] = [];
    const site = freshRelay(
      { apps: [attester.app] },
      {
        combine: (hook) => async (input) => {
          const principal = await hook(input);
          principals.push(principal);
          return principal;
        },
      },
    );
    const device = makeDevice(clock);
    await site.create(sent(attester.attest(device), device.pop(await site.challenge())));
    expect(principals).toEqual([{ app: attester.app, via: ['client-attestation'] }]);
  });
});

describe('§7.1: an attestation with one defect is refused', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' });
  const device = makeDevice(clock);
  const cnf = (jwk: unknown): Defects => ({ claims: { cnf: { jwk } } });
  const cases: Array<[name: string, defects: Defects, error?: string]> = [
    ['another typ', { header: { typ: 'jwt' } }],
    ['the typ of a PoP', { header: { typ: 'oauth-client-attestation-pop+jwt' } }],
    ['no typ', { header: { typ: undefined } }],
    ['alg none', { header: { alg: 'none' } }],
    ['alg none with a signature', { header: { alg: 'none' }, tamper: (jwt) => `${jwt}AAAA` }],
    ['alg HS256', { header: { alg: 'HS256' } }],
    ['an alg that is not that of the key', { header: { alg: 'RS256' } }],
    ['no alg', { header: { alg: undefined } }],
    ['a critical header that nobody knows', { header: { crit: ['x'], x: 1 } }],
    ['a kid that the attester does not have', { header: { kid: 'another' } }],
    ['the key of another attester', { key: stranger.privateKey }],
    ['claims changed after signing', { tamper: forgeClaims({ sub: 'https://evil.example' }) }],
    ['a signature cut off', { tamper: (jwt) => jwt.slice(0, -2) }],
    ['no signature', { tamper: (jwt) => jwt.slice(0, jwt.lastIndexOf('.') + 1) }],
    ['only two parts', { tamper: (jwt) => jwt.slice(0, jwt.lastIndexOf('.')) }],
    ['no JWT at all', { tamper: () => 'attested-by-nobody' }],
    ['parts that are no JSON', { tamper: () => 'AAAA.BBBB.CCCC' }],
    ['parameters after the token (RFC 9651)', { tamper: (jwt) => `${jwt};a=1` }],
    ['more than 16 KiB', { claims: { filler: 'x'.repeat(13_000) } }],
    ['expired 30 s ago', { claims: { exp: seconds(-30) } }, 'use_fresh_attestation'],
    ['expired an hour ago', { claims: { exp: seconds(-3600) } }, 'use_fresh_attestation'],
    ['not valid for another minute (nbf)', { claims: { nbf: seconds(60) } }],
    ['issued a minute from now (iat)', { claims: { iat: seconds(60) } }],
    ['an iat that is no number', { claims: { iat: 'now' } }],
    ['no exp', { claims: { exp: undefined } }],
    ['an exp that is no number', { claims: { exp: 'never' } }],
    ['no sub', { claims: { sub: undefined } }],
    ['an empty sub', { claims: { sub: '' } }],
    ['a sub that is no text', { claims: { sub: 7 } }],
    ['no cnf', { claims: { cnf: undefined } }],
    ['a cnf that is no object', { claims: { cnf: 'key' } }],
    ['a cnf without jwk', { claims: { cnf: { jkt: 'thumbprint' } } }],
    ['a private key in cnf', cnf(device.privateKey.export({ format: 'jwk' }))],
    ['a symmetric key in cnf', cnf({ kty: 'oct', k: 'c2VjcmV0LXNlY3JldC1zZWNyZXQ' })],
    ['another public key in cnf', cnf(other.jwk)],
    ['a key of another kind in cnf', cnf(rsa)],
    ['a point that is not on the curve in cnf', cnf({ ...device.jwk, x: device.jwk.y })],
    ['an incomplete key in cnf', cnf({ kty: 'EC', crv: 'P-256' })],
    ['an unknown kind of key in cnf', cnf({ kty: 'XX' })],
    ['a curve that is not accepted in cnf', cnf({ ...device.jwk, crv: 'secp256k1' })],
    ['the key padded in cnf (RFC 7515 §2)', cnf({ ...device.jwk, x: `${device.jwk.x}=` })],
    ['the key in the other alphabet in cnf', cnf({ ...device.jwk, x: withOtherAlphabet(String(device.jwk.x)) })],
    ['the key with white space in cnf', cnf({ ...device.jwk, y: ` ${device.jwk.y}` })],
    ['the key with stray bits in cnf', cnf({ ...device.jwk, x: withStrayBits(String(device.jwk.x)) })],
    ['the key with a leading zero in cnf', cnf({ ...device.jwk, x: withLeadingZero(String(device.jwk.x)) })],
    ['a modulus with a leading zero in cnf', cnf({ ...rsa, n: withLeadingZero(String(rsa.n)) })],
    ['an exponent with a leading zero in cnf', cnf({ ...rsa, e: 'AAEAAQ' })],
    ['another audience', { claims: { aud: 'https://another.example' } }],
    ['audiences that are all others', { claims: { aud: ['https://another.example', 'https://third.example'] } }],
    ['an audience that only begins alike', { claims: { aud: `${PUBLIC_URL}/` } }],
    ['no audience in a list of them', { claims: { aud: [] } }],
    ['an audience that is null', { claims: { aud: null } }],
    ['an audience that is an object', { claims: { aud: { 0: PUBLIC_URL } } }],
    ['an empty audience', { claims: { aud: '' } }],
  ];
  it.each(cases)('%s', async (_, defects, error = INVALID) => {
    const site = freshRelay();
    const challenge = await site.challenge();
    expectRefusal(await site.create(sent(attester.attest(device, defects), device.pop(challenge))), error);
    expect((await site.create(sent(attester.attest(device), device.pop(challenge)))).status).toBe(200);
  });

  it.each([
    ['a text', 'https://as.example'],
    ['a list', ['https://third.example', 'https://as.example']],
  ])('for the public URL, where attestationAudience is another: %s', async (_, attestationAudience) => {
    const site = freshRelay({ attestationAudience });
    const challenge = await site.challenge();
    const attempt = (aud: unknown) =>
      site.create(sent(attester.attest(device, { claims: { aud } }), device.pop(challenge)));
    expectRefusal(await attempt(PUBLIC_URL), INVALID);
    expect((await attempt('https://as.example')).status).toBe(200);
    expect((await attempt(undefined)).status).toBe(200);
  });

  it('for the public URL, where audience is another', async () => {
    const site = freshRelay({ audience: 'https://relay.example/resource' });
    const pop = device.pop(await site.challenge(), { claims: { aud: 'https://relay.example/resource' } });
    const attempt = (aud: string) => site.create(sent(attester.attest(device, { claims: { aud } }), pop));
    expectRefusal(await attempt(PUBLIC_URL), INVALID);
    expect((await attempt('https://relay.example/resource')).status).toBe(200);
  });

  it('an app that is not among those accepted', async () => {
    const site = freshRelay({ apps: ['https://another.example'] });
    expectRefusal(await site.create(sent(attester.attest(device), device.pop(await site.challenge()))), INVALID);
  });

  it.each([
    ['older than the relay accepts', seconds(-631)],
    ['without the iat that its age is judged by', undefined],
  ])('%s, with attestationMaxAgeSeconds', async (name, iat) => {
    const site = freshRelay({ attestationMaxAgeSeconds: 600 });
    const challenge = await site.challenge();
    const answer = await site.create(sent(attester.attest(device, { claims: { iat } }), device.pop(challenge)));
    expectRefusal(answer, name.startsWith('older') ? 'use_fresh_attestation' : INVALID);
    const young = attester.attest(device, { claims: { iat: seconds(-600) } });
    expect((await site.create(sent(young, device.pop(challenge)))).status).toBe(200);
  });
});

describe('§7.2: a PoP with one defect is refused, and its jti is not used up', () => {
  const cases: Array<[name: string, defects: Defects]> = [
    ['another typ', { header: { typ: 'jwt' } }],
    ['the typ of a DPoP proof', { header: { typ: 'dpop+jwt' } }],
    ['no typ', { header: { typ: undefined } }],
    ['alg none', { header: { alg: 'none' }, tamper: (jwt) => `${jwt}AAAA` }],
    ['alg HS256', { header: { alg: 'HS256' } }],
    ['an alg that is not that of the key', { header: { alg: 'RS256' } }],
    ['the key of another device', { key: other.privateKey }],
    ['the key of the attester', { key: attester.privateKey }],
    ['a key in its header', { key: other.privateKey, header: { jwk: other.jwk } }],
    ['claims changed after signing', { tamper: forgeClaims({ iat: seconds(1) }) }],
    ['a signature cut off', { tamper: (jwt) => jwt.slice(0, -2) }],
    ['no JWT at all', { tamper: () => 'mine' }],
    ['no jti', { claims: { jti: undefined } }],
    ['an empty jti', { claims: { jti: '' } }],
    ['a jti that is no text', { claims: { jti: 7 } }],
    ['no iat', { claims: { iat: undefined } }],
    ['an iat that is no number', { claims: { iat: 'now' } }],
    ['an iat 600 s ago', { claims: { iat: seconds(-600) } }],
    ['an iat 151 s ago', { claims: { iat: seconds(-151) } }],
    ['an iat 31 s from now', { claims: { iat: seconds(31) } }],
    ['an iat 600 s from now', { claims: { iat: seconds(600) } }],
    ['expired by an exp of its own', { claims: { exp: seconds(-60) } }],
    ['no aud', { claims: { aud: undefined } }],
    ['the aud of another relay', { claims: { aud: 'https://another.example' } }],
    ['the aud with a slash', { claims: { aud: `${PUBLIC_URL}/` } }],
    ['several audiences', { claims: { aud: [PUBLIC_URL, 'https://another.example'] } }],
    ['a list of one audience', { claims: { aud: [PUBLIC_URL] } }],
  ];
  it.each(cases)('%s', async (_, defects) => {
    const site = freshRelay();
    const device = makeDevice(clock);
    const challenge = await site.challenge();
    const jti = crypto.randomUUID();
    const defective = device.pop(challenge, { ...defects, claims: { jti, ...defects.claims } });
    expectRefusal(await site.create(sent(attester.attest(device), defective)), INVALID);
    const mended = device.pop(challenge, { claims: { jti } });
    expect((await site.create(sent(attester.attest(device), mended))).status).toBe(200);
  });

  it('a proof for the public URL, where the host has set another audience', async () => {
    const site = freshRelay({ audience: 'https://relay.example/resource' });
    const device = makeDevice(clock);
    const challenge = await site.challenge();
    expectRefusal(await site.create(sent(attester.attest(device), device.pop(challenge))), INVALID);
    const named = device.pop(challenge, { claims: { aud: 'https://relay.example/resource' } });
    expect((await site.create(sent(attester.attest(device), named))).status).toBe(200);
  });
});

describe('§7.3: a DPoP proof with one defect is refused, and its jti is not used up', () => {
  const cases: Array<[name: string, defects: Defects]> = [
    ['another typ', { header: { typ: 'oauth-client-attestation-pop+jwt' } }],
    ['alg HS256', { header: { alg: 'HS256' } }],
    ['the key of another device', { header: { jwk: other.jwk }, key: other.privateKey }],
    ['the attested key named, another used', { key: other.privateKey }],
    ['another method', { claims: { htm: 'PUT' } }],
    ['another URL', { claims: { htu: `${PUBLIC_URL}/v1/m/elsewhere` } }],
    ['no jti', { claims: { jti: undefined } }],
    ['no iat', { claims: { iat: undefined } }],
    ['an iat 600 s ago', { claims: { iat: seconds(-600) } }],
    ['an iat 600 s from now', { claims: { iat: seconds(600) } }],
  ];
  it.each(cases)('%s', async (_, defects) => {
    const site = freshRelay();
    const device = makeDevice(clock);
    const challenge = await site.challenge();
    const jti = crypto.randomUUID();
    const defective = device.dpop(challenge, { ...defects, claims: { jti, ...defects.claims } });
    expectRefusal(await site.create(sent(attester.attest(device), undefined, defective)), INVALID);
    const mended = device.dpop(challenge, { claims: { jti } });
    expect((await site.create(sent(attester.attest(device), undefined, mended))).status).toBe(200);
  });

  it('with the attested key in another spelling', async () => {
    const site = freshRelay();
    const device = makeDevice(clock);
    const challenge = await site.challenge();
    for (const x of [`${device.jwk.x}=`, withStrayBits(String(device.jwk.x)), withLeadingZero(String(device.jwk.x))]) {
      const proof = device.dpop(challenge, { header: { jwk: { ...device.jwk, x } } });
      expectRefusal(await site.create(sent(attester.attest(device), undefined, proof)), INVALID);
    }
  });

  it('for an attestation that holds the private key', async () => {
    const site = freshRelay();
    const device = makeDevice(clock);
    const attestation = attester.attest(device, {
      claims: { cnf: { jwk: device.privateKey.export({ format: 'jwk' }) } },
    });
    expectRefusal(await site.create(sent(attestation, undefined, device.dpop(await site.challenge()))), INVALID);
  });

  it('without ath for the DPoP-bound token that came along (RFC 9449 §4.3)', async () => {
    const site = freshRelay();
    const device = makeDevice(clock);
    const challenge = await site.challenge();
    const bound = { ...sent(attester.attest(device)), Authorization: 'DPoP a-token-that-is-bound' };
    expectRefusal(await site.create({ ...bound, DPoP: device.dpop(challenge) }), INVALID);
    const ath = Buffer.from(
      await crypto.subtle.digest('SHA-256', new TextEncoder().encode('a-token-that-is-bound')),
    ).toString('base64url');
    const named = device.dpop(challenge, { claims: { ath } });
    expect((await site.create({ ...bound, DPoP: named })).status).toBe(200);
  });

  it.each([
    ['no nonce', undefined],
    ['an invented nonce', 'invented'],
    ['a nonce of another relay', 'foreign'],
  ])('%s: use_dpop_nonce (RFC 9449 §9), with a nonce, and the challenge for clients of -10', async (_, nonce) => {
    const site = freshRelay();
    const device = makeDevice(clock);
    const sentNonce = nonce === 'foreign' ? await freshRelay().challenge() : nonce;
    const answer = await site.create(sent(attester.attest(device), undefined, device.dpop(sentNonce)));
    expect([answer.status, answer.json.code]).toEqual([401, 'attestation_invalid']);
    expect(answer.headers.get('WWW-Authenticate')).toMatch(
      /^DPoP realm="mailbox", error="use_dpop_nonce", algs="ES256 [\w ]+"$/,
    );
    expect(answer.headers.get('DPoP-Nonce')).toMatch(CHALLENGE);
    expect(answer.headers.get('OAuth-Client-Attestation-Challenge')).toMatch(CHALLENGE);
  });
});

describe('what is missing, or there twice', () => {
  it('nothing: no error, as in RFC 6750 §3.1, but a challenge', async () => {
    expectRefusal(await freshRelay().create({}), undefined);
  });

  it('a PoP without attestation, and an opaque Mailbox-Device-Attestation only', async () => {
    const site = freshRelay();
    const pop = makeDevice(clock).pop(await site.challenge());
    expectRefusal(await site.create(sent(undefined, pop)), undefined);
    expectRefusal(await site.create({ 'Mailbox-Device-Attestation': 'b3BhcXVl' }), undefined);
    expectRefusal(await site.create({ 'Mailbox-Device-Attestation': stranger.attest(other).slice(9) }), undefined);
  });

  it('an attestation without proof', async () => {
    const site = freshRelay();
    expectRefusal(await site.create(sent(attester.attest(other))), INVALID);
  });

  it('two different attestations in the two headers', async () => {
    const site = freshRelay();
    const device = makeDevice(clock);
    const headers = sent(attester.attest(device), device.pop(await site.challenge()));
    const twice = { ...headers, 'Mailbox-Device-Attestation': attester.attest(device, { claims: { x: 1 } }) };
    expectRefusal(await site.create(twice), INVALID);
  });

  it.each([
    ['a PoP where only DPoP proofs are accepted', ['dpop_combined'] as const],
    ['a DPoP proof where only PoPs are', ['attestation_pop_jwt'] as const],
  ])('§7.6: %s', async (_, popMethods) => {
    const site = freshRelay({ popMethods });
    const device = makeDevice(clock);
    const challenge = await site.challenge();
    const [pop, dpop] = [device.pop(challenge), device.dpop(challenge)];
    const refused = popMethods[0] === 'dpop_combined' ? sent(undefined, pop) : sent(undefined, undefined, dpop);
    const accepted = popMethods[0] === 'dpop_combined' ? sent(undefined, undefined, dpop) : sent(undefined, pop);
    expectRefusal(await site.create({ ...sent(attester.attest(device)), ...refused }), INVALID);
    expect((await site.create({ ...sent(attester.attest(device)), ...accepted })).status).toBe(200);
  });
});

describe('§6: challenges', () => {
  const device = makeDevice(clock);
  const attempt = async (site: AttestedRelay, challenge?: string, defects?: Defects): Promise<Answer> =>
    site.create(sent(attester.attest(device), device.pop(challenge, defects)));

  it.each([
    ['none', async () => undefined],
    ['an empty one', async () => ''],
    ['an invented one', async () => 'invented'],
    ['one of another relay, with other keys', () => freshRelay().challenge()],
  ])('%s: use_attestation_challenge, and the one that came back is good', async (_, make) => {
    const challenge = await make();
    const site = freshRelay();
    const refused = await attempt(site, challenge);
    expectRefusal(refused, 'use_attestation_challenge');
    const fresh = refused.headers.get('OAuth-Client-Attestation-Challenge') ?? '';
    expect((await attempt(site, fresh)).status).toBe(200);
  });

  it('a proof that is refused for its challenge is not used up', async () => {
    const site = freshRelay();
    const claims = { jti: crypto.randomUUID() };
    expectRefusal(await attempt(site, undefined, { claims }), 'use_attestation_challenge');
    expect((await attempt(site, await site.challenge(), { claims })).status).toBe(200);
    const dpop = async (nonce?: string): Promise<number> =>
      (await site.create(sent(attester.attest(device), undefined, device.dpop(nonce, { claims })))).status;
    expect(await dpop()).toBe(401);
    expect(await dpop(await site.challenge())).toBe(200);
  });

  it('a list of challenges, and a number', async () => {
    const site = freshRelay();
    const challenge = await site.challenge();
    for (const strange of [[challenge], 7]) {
      expectRefusal(await attempt(site, undefined, { claims: { challenge: strange } }), 'use_attestation_challenge');
    }
  });

  it('roll over: one is good for 4 minutes, and stale after 5', async () => {
    const site = freshRelay();
    const challenge = await site.challenge();
    now = START + 4 * 60_000;
    expect(await site.challenge()).not.toBe(challenge);
    expect((await attempt(site, challenge)).status).toBe(200);
    now = START + 5 * 60_000;
    expectRefusal(await attempt(site, challenge), 'use_attestation_challenge');
  });

  it('are known to every process with the same keys, and over a rotation of keys', async () => {
    const [old, young] = [randomBytes(32), randomBytes(32)];
    const store = memoryStore(new Map(), { clock });
    const [one, two, next] = [[old], [old], [young, old]].map((keys) => freshRelay({}, { store, keys })) as [
      AttestedRelay,
      AttestedRelay,
      AttestedRelay,
    ];
    const challenge = await one.challenge();
    expect((await attempt(two, challenge)).status).toBe(200);
    expect((await attempt(next, challenge)).status).toBe(200);
  });

  it('are the same for all who ask in one minute, so that they tell nobody apart', async () => {
    const site = freshRelay();
    expect(await site.challenge()).toBe(await site.challenge());
  });

  it('optional: none is accepted, a stale one is not', async () => {
    const site = freshRelay({ challenge: 'optional' });
    const challenge = await site.challenge();
    expect((await attempt(site)).status).toBe(200);
    expect((await attempt(site, challenge)).status).toBe(200);
    now = START + 5 * 60_000;
    expectRefusal(await attempt(site, challenge), 'use_attestation_challenge');
  });

  it('off: none is given out or looked at', async () => {
    const site = freshRelay({ challenge: 'off' });
    expect((await attempt(site)).status).toBe(200);
    expect((await attempt(site, 'whatever')).status).toBe(200);
    const refused = await site.create({});
    expect(refused.status).toBe(401);
    expect(refused.headers.get('OAuth-Client-Attestation-Challenge')).toBeNull();
  });
});

describe('§12.1: replay', () => {
  const device = makeDevice(clock);

  it.each([
    ['a PoP', (challenge: string) => sent(attester.attest(device), device.pop(challenge))],
    ['a DPoP proof', (challenge: string) => sent(attester.attest(device), undefined, device.dpop(challenge))],
  ])('%s is accepted once, whichever process it is sent to', async (_, make) => {
    const parts = { store: memoryStore(new Map(), { clock }), keys: [randomBytes(32)] };
    const [one, two] = [freshRelay({}, parts), freshRelay({}, parts)];
    const headers = make(await one.challenge());
    expect((await one.create(headers)).status).toBe(200);
    expectRefusal(await one.create(headers), INVALID);
    expectRefusal(await two.create(headers), INVALID);
  });

  it('of ten at once, over two processes, one is accepted', async () => {
    const parts = { store: memoryStore(new Map(), { clock }), keys: [randomBytes(32)] };
    const [one, two] = [freshRelay({}, parts), freshRelay({}, parts)];
    const headers = sent(attester.attest(device), device.pop(await one.challenge()));
    const answers = await Promise.all(Array.from({ length: 10 }, (_, i) => (i % 2 ? one : two).create(headers)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array.from({ length: 9 }, () => 401)]);
  });

  it('until the proof itself is too old: no second in between lets it pass again', async () => {
    const site = freshRelay();
    const ahead = device.pop(await site.challenge(), { claims: { iat: seconds(30) } });
    const headers = sent(attester.attest(device), ahead);
    expect((await site.create(headers)).status).toBe(200);
    for (let offset = 0; offset <= 200; offset += 1) {
      now = START + offset * 1000;
      expectRefusal(await site.create(headers), INVALID);
    }
  });

  it.each([
    ['a PoP', (left: number) => sent(undefined, device.pop(undefined, { claims: { iat: seconds(left - 151) } }))],
    [
      'a DPoP proof',
      (left: number) => sent(undefined, undefined, device.dpop(undefined, { claims: { iat: seconds(left - 150) } })),
    ],
  ])(
    '%s that ends while it is noted is still good; one that ended while the key was fetched is not',
    async (_, make) => {
      const inner = memoryStore(new Map(), { clock });
      const create: typeof inner.create = (...entry) => {
        now += 2000;
        return inner.create(...entry);
      };
      let slow = 0;
      const fetch = async () => {
        now += slow;
        return Response.json(attester.jwks);
      };
      const options = { jwks: undefined, jwksUri: 'https://attester.example/keys', fetch, challenge: 'off' };
      const site = freshRelay(options, { store: { ...inner, create } });
      expect((await site.create({ ...sent(attester.attest(device)), ...make(1) })).status).toBe(200);
      slow = 4000;
      const other = freshRelay(options, { store: { ...inner, create } });
      expectRejected(await other.create({ ...sent(attester.attest(device)), ...make(3) }));
    },
  );

  it('the signature of a proof is not what it is known by', async () => {
    const site = freshRelay();
    const challenge = await site.challenge();
    const jti = crypto.randomUUID();
    // Every ECDSA signature of one text is another.
    const [first, second] = [1, 2].map(() => device.pop(challenge, { claims: { jti } })) as [string, string];
    expect(first).not.toBe(second);
    expect((await site.create(sent(attester.attest(device), first))).status).toBe(200);
    expectRefusal(await site.create(sent(attester.attest(device), second)), INVALID);
  });

  it('two devices may use one jti', async () => {
    const site = freshRelay();
    const challenge = await site.challenge();
    for (const each of [makeDevice(clock), makeDevice(clock)]) {
      const pop = each.pop(challenge, { claims: { jti: 'one' } });
      expect((await site.create(sent(attester.attest(each), pop))).status).toBe(200);
    }
  });

  it('what the store keeps of it is a digest that is gone with the window of the iat', async () => {
    const map = new Map<string, unknown>();
    const inner = memoryStore(new Map(), { clock });
    const store = {
      ...inner,
      create: async (key: string, value: string, expiresAt: number) => {
        map.set(key, { value, expiresAt });
        return inner.create(key, value, expiresAt);
      },
    };
    const site = freshRelay({}, { store });
    const jti = crypto.randomUUID();
    await site.create(sent(attester.attest(device), device.pop(await site.challenge(), { claims: { jti } })));
    const [[key, entry] = ['', undefined]] = [...map];
    expect(key).toMatch(/^relay:[\w-]{43}$/);
    const { expiresAt } = entry as { expiresAt: number };
    expect(expiresAt - START).toBeGreaterThan(150_000 - 30_000);
    expect(expiresAt - START).toBeLessThan(160_000);
    const text = JSON.stringify([...map]);
    for (const secret of [jti, String(device.jwk.x), String(device.jwk.y)]) expect(text).not.toContain(secret);
  });
});
