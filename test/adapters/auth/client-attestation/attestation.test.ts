import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type Defects, forgeClaims, makeDevice } from '../../../support/attester/attester.js';
import {
  createAttestedRelay,
  expectRefusal,
  INVALID,
  otherDevice,
  seconds,
  stranger,
  toHeaders,
  withLeadingZero,
  withOtherAlphabet,
  withStrayBits,
} from '../../../support/auth/attested-hook.js';
import { attester, clock } from '../../../support/auth/client-attestation.js';
import { PUBLIC_URL } from '../../../support/relay/relay.js';

/* Attestations with one defect each (draft §7.1). */

describe('an invalid attestation is rejected [draft §7.1]', () => {
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
    ['another public key in cnf', cnf(otherDevice.jwk)],
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
  it.each(cases)('an attestation with this defect: %s', async (_, defects, error = INVALID) => {
    const site = createAttestedRelay();
    const challenge = await site.challenge();
    expectRefusal(await site.create(toHeaders(attester.attest(device, defects), device.pop(challenge))), error);
    expect((await site.create(toHeaders(attester.attest(device), device.pop(challenge)))).status).toBe(200);
  });

  it.each([
    ['a text', 'https://as.example'],
    ['a list', ['https://third.example', 'https://as.example']],
  ])('an attestation for the public URL, if attestationAudience differs: %s', async (_, attestationAudience) => {
    const site = createAttestedRelay({ attestationAudience });
    const challenge = await site.challenge();
    const attempt = (aud: unknown) =>
      site.create(toHeaders(attester.attest(device, { claims: { aud } }), device.pop(challenge)));
    expectRefusal(await attempt(PUBLIC_URL), INVALID);
    expect((await attempt('https://as.example')).status).toBe(200);
    expect((await attempt(undefined)).status).toBe(200);
  });

  it('an attestation for the public URL, if audience differs', async () => {
    const site = createAttestedRelay({ audience: 'https://relay.example/resource' });
    const pop = device.pop(await site.challenge(), { claims: { aud: 'https://relay.example/resource' } });
    const attempt = (aud: string) => site.create(toHeaders(attester.attest(device, { claims: { aud } }), pop));
    expectRefusal(await attempt(PUBLIC_URL), INVALID);
    expect((await attempt('https://relay.example/resource')).status).toBe(200);
  });

  it('an attestation of an app that apps does not list', async () => {
    const site = createAttestedRelay({ apps: ['https://another.example'] });
    expectRefusal(await site.create(toHeaders(attester.attest(device), device.pop(await site.challenge()))), INVALID);
  });

  it.each([
    ['older than the relay accepts', seconds(-631)],
    ['without the iat that its age is judged by', undefined],
  ])('an attestation %s, with attestationMaxAgeSeconds', async (name, iat) => {
    const site = createAttestedRelay({ attestationMaxAgeSeconds: 600 });
    const challenge = await site.challenge();
    const answer = await site.create(toHeaders(attester.attest(device, { claims: { iat } }), device.pop(challenge)));
    expectRefusal(answer, name.startsWith('older') ? 'use_fresh_attestation' : INVALID);
    const young = attester.attest(device, { claims: { iat: seconds(-600) } });
    expect((await site.create(toHeaders(young, device.pop(challenge)))).status).toBe(200);
  });
});
