import { describe, expect, it } from 'vitest';
import { type Defects, forgeClaims, makeDevice } from '../../../support/attester/attester.js';
import {
  CHALLENGE,
  createAttestedRelay,
  expectRefusal,
  INVALID,
  otherDevice,
  seconds,
  toHeaders,
  withLeadingZero,
  withStrayBits,
} from '../../../support/auth/attested-hook.js';
import { attester, clock } from '../../../support/auth/client-attestation.js';
import { PUBLIC_URL } from '../../../support/relay/relay.js';

/* Proofs of possession with one defect each (draft §7.2, §7.3). */

describe('an invalid PoP is rejected and its jti is not consumed [draft §7.2]', () => {
  const cases: Array<[name: string, defects: Defects]> = [
    ['another typ', { header: { typ: 'jwt' } }],
    ['the typ of a DPoP proof', { header: { typ: 'dpop+jwt' } }],
    ['no typ', { header: { typ: undefined } }],
    ['alg none', { header: { alg: 'none' }, tamper: (jwt) => `${jwt}AAAA` }],
    ['alg HS256', { header: { alg: 'HS256' } }],
    ['an alg that is not that of the key', { header: { alg: 'RS256' } }],
    ['the key of another device', { key: otherDevice.privateKey }],
    ['the key of the attester', { key: attester.privateKey }],
    ['a key in its header', { key: otherDevice.privateKey, header: { jwk: otherDevice.jwk } }],
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
  it.each(cases)('a PoP with this defect: %s', async (_, defects) => {
    const site = createAttestedRelay();
    const device = makeDevice(clock);
    const challenge = await site.challenge();
    const jti = crypto.randomUUID();
    const defective = device.pop(challenge, { ...defects, claims: { jti, ...defects.claims } });
    expectRefusal(await site.create(toHeaders(attester.attest(device), defective)), INVALID);
    const mended = device.pop(challenge, { claims: { jti } });
    expect((await site.create(toHeaders(attester.attest(device), mended))).status).toBe(200);
  });

  it('a PoP for the public URL, if the option audience differs', async () => {
    const site = createAttestedRelay({ audience: 'https://relay.example/resource' });
    const device = makeDevice(clock);
    const challenge = await site.challenge();
    expectRefusal(await site.create(toHeaders(attester.attest(device), device.pop(challenge))), INVALID);
    const named = device.pop(challenge, { claims: { aud: 'https://relay.example/resource' } });
    expect((await site.create(toHeaders(attester.attest(device), named))).status).toBe(200);
  });
});

describe('an invalid DPoP proof is rejected and its jti is not consumed [draft §7.3]', () => {
  const cases: Array<[name: string, defects: Defects]> = [
    ['another typ', { header: { typ: 'oauth-client-attestation-pop+jwt' } }],
    ['alg HS256', { header: { alg: 'HS256' } }],
    ['the key of another device', { header: { jwk: otherDevice.jwk }, key: otherDevice.privateKey }],
    ['the attested key named, another used', { key: otherDevice.privateKey }],
    ['another method', { claims: { htm: 'PUT' } }],
    ['another URL', { claims: { htu: `${PUBLIC_URL}/v1/m/elsewhere` } }],
    ['no jti', { claims: { jti: undefined } }],
    ['no iat', { claims: { iat: undefined } }],
    ['an iat 600 s ago', { claims: { iat: seconds(-600) } }],
    ['an iat 600 s from now', { claims: { iat: seconds(600) } }],
  ];
  it.each(cases)('a DPoP proof with this defect: %s', async (_, defects) => {
    const site = createAttestedRelay();
    const device = makeDevice(clock);
    const challenge = await site.challenge();
    const jti = crypto.randomUUID();
    const defective = device.dpop(challenge, { ...defects, claims: { jti, ...defects.claims } });
    expectRefusal(await site.create(toHeaders(attester.attest(device), undefined, defective)), INVALID);
    const mended = device.dpop(challenge, { claims: { jti } });
    expect((await site.create(toHeaders(attester.attest(device), undefined, mended))).status).toBe(200);
  });

  it('a DPoP proof with another spelling of the attested key', async () => {
    const site = createAttestedRelay();
    const device = makeDevice(clock);
    const challenge = await site.challenge();
    for (const x of [`${device.jwk.x}=`, withStrayBits(String(device.jwk.x)), withLeadingZero(String(device.jwk.x))]) {
      const proof = device.dpop(challenge, { header: { jwk: { ...device.jwk, x } } });
      expectRefusal(await site.create(toHeaders(attester.attest(device), undefined, proof)), INVALID);
    }
  });

  it('a DPoP proof for an attestation that contains the private key', async () => {
    const site = createAttestedRelay();
    const device = makeDevice(clock);
    const attestation = attester.attest(device, {
      claims: { cnf: { jwk: device.privateKey.export({ format: 'jwk' }) } },
    });
    expectRefusal(await site.create(toHeaders(attestation, undefined, device.dpop(await site.challenge()))), INVALID);
  });

  it('a DPoP proof without the ath of the bound token in the request [RFC 9449 §4.3]', async () => {
    const site = createAttestedRelay();
    const device = makeDevice(clock);
    const challenge = await site.challenge();
    const bound = { ...toHeaders(attester.attest(device)), Authorization: 'DPoP a-token-that-is-bound' };
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
  ])(
    'a DPoP proof with %s gets use_dpop_nonce, a nonce, and the challenge for clients of -10 [RFC 9449 §9]',
    async (_, nonce) => {
      const site = createAttestedRelay();
      const device = makeDevice(clock);
      const sentNonce = nonce === 'foreign' ? await createAttestedRelay().challenge() : nonce;
      const answer = await site.create(toHeaders(attester.attest(device), undefined, device.dpop(sentNonce)));
      expect([answer.status, answer.json.code]).toEqual([401, 'attestation_invalid']);
      expect(answer.headers.get('WWW-Authenticate')).toMatch(
        /^DPoP realm="mailbox", error="use_dpop_nonce", algs="ES256 [\w ]+"$/,
      );
      expect(answer.headers.get('DPoP-Nonce')).toMatch(CHALLENGE);
      expect(answer.headers.get('OAuth-Client-Attestation-Challenge')).toMatch(CHALLENGE);
    },
  );
});
