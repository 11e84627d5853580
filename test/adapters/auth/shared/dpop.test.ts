import { generateKeyPair } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { DPOP_ALGORITHMS, DpopProofError, verifyDpopProof } from '../../../../adapters/auth/shared/dpop.js';
import { jose } from '../../../../adapters/shared/jose.js';
import {
  type DeviceKey,
  deviceKey,
  handMade,
  MAILBOXES,
  type ProofChanges,
  proofOf,
  tampered,
  withOtherClaims,
} from '../../../support/auth/oauth-bearer.js';

const TOKEN = 'an.access.token';
const POLICY = { algorithms: DPOP_ALGORITHMS, maxAgeSeconds: 120, clockToleranceSeconds: 10 };
const REQUEST = { method: 'POST', url: MAILBOXES, accessToken: TOKEN };

let key: DeviceKey;

beforeAll(async () => {
  await jose.load('test');
  key = await deviceKey();
});

const good = (changes: ProofChanges = {}) => proofOf(key, TOKEN, changes);
const check = (proof: string, request = REQUEST, now = Date.now()) => verifyDpopProof(proof, request, POLICY, now);
const secondsAgo = (seconds: number): number => Math.floor(Date.now() / 1000) - seconds;

describe('verifyDpopProof [RFC 9449 §4.3]', () => {
  it('returns the proven facts', async () => {
    const iat = secondsAgo(3);
    expect(await check(await good({ claims: { jti: 'some-jti', iat, nonce: 'some-nonce' } }))).toEqual({
      thumbprint: key.thumbprint,
      jti: 'some-jti',
      nonce: 'some-nonce',
      expiresAt: (iat + 130) * 1000,
    });
  });

  it('accepts a proof without ath for a request without a token', async () => {
    const { accessToken: _, ...request } = REQUEST;
    expect(await verifyDpopProof(await proofOf(key, undefined), request, POLICY, Date.now())).toHaveProperty('jti');
  });

  it.each(['ES256', 'ES384', 'EdDSA', 'PS256', 'RS256'])('supports %s', async (algorithm) => {
    const other = await deviceKey(algorithm);
    expect(await check(await proofOf(other, TOKEN))).toMatchObject({ thumbprint: other.thumbprint });
  });

  it.each([
    ['query and fragment', `${MAILBOXES}?a=b#c`],
    ['case of scheme and host', MAILBOXES.replace('https://relay', 'HTTPS://RELAY')],
    ['the default port', MAILBOXES.replace('.example', '.example:443')],
    ['needless escapes', MAILBOXES.replace('/relay/', '/%72elay/')],
    ['dot segments', MAILBOXES.replace('/v1/', '/./v1/')],
  ])('ignores differences in htu: %s [RFC 3986 §6.2]', async (_, htu) => {
    expect(await check(await good({ claims: { htu } }))).toHaveProperty('jti');
  });

  it.each([0, 5, 119, -8])('accepts an iat %i seconds ago', async (seconds) => {
    expect(await check(await good({ claims: { iat: secondsAgo(seconds) } }))).toHaveProperty('jti');
  });

  const REFUSED: Record<string, [says: RegExp, proof: () => string | Promise<string>]> = {
    'empty [2]': [/not a JWT/, () => ''],
    'longer than 16 KiB': [/too long/, () => good({ claims: { extra: 'x'.repeat(16 * 1024) } })],
    'no JWT [2]': [/not a JWT/, () => 'a.b.c'],
    'two proofs in one field [1]': [/not a JWT|signature/, async () => `${await good()}, ${await good()}`],
    'no jti [3]': [/jti of the proof is missing/, () => good({ claims: { jti: undefined } })],
    'an empty jti [3]': [/jti of the proof is missing/, () => good({ claims: { jti: '' } })],
    'jti is a number [3]': [/jti of the proof is missing/, () => good({ claims: { jti: 7 } })],
    'a jti of 300 characters': [/jti of the proof is missing/, () => good({ claims: { jti: 'j'.repeat(300) } })],
    'no htm [3]': [/htm/, () => good({ claims: { htm: undefined } })],
    'no htu [3]': [/htu/, () => good({ claims: { htu: undefined } })],
    'no iat [3]': [/no iat/, () => good({ claims: { iat: undefined } })],
    'iat is text [3]': [/no iat/, () => good({ claims: { iat: String(secondsAgo(0)) } })],
    'no ath [3]': [/ath/, () => good({ claims: { ath: undefined } })],
    'typ JWT [4]': [/typ/, () => good({ header: { typ: 'JWT' } })],
    'no typ [4]': [/typ/, () => good({ header: { typ: undefined } })],
    'alg none [5]': [/algorithm/, async () => handMade(await headerOf({ alg: 'none' }), await claimsOf(), () => '')],
    'alg HS256 [5]': [
      /algorithm/,
      async () => handMade(await headerOf({ alg: 'HS256' }), await claimsOf(), () => 'AA'),
    ],
    'an asymmetric alg that is not accepted [5]': [
      /algorithm/,
      async () => handMade(await headerOf({ alg: 'RS512' }), await claimsOf(), () => 'AA'),
    ],
    'signed with another key than its own [6]': [
      /signature/,
      async () => good({ signer: (await generateKeyPair('ES256')).privateKey }),
    ],
    'signature tampered with [6]': [/signature/, async () => tampered(await good())],
    'claims tampered with [6]': [/signature/, async () => withOtherClaims(await good(), { jti: 'another' })],
    'a key of another curve than the alg [6]': [
      /signature/,
      async () => good({ header: { jwk: (await deviceKey('ES384')).jwk } }),
    ],
    'a point that is not on the curve [6]': [
      /signature/,
      () => good({ header: { jwk: { ...key.jwk, x: key.jwk.y } } }),
    ],
    'a private key [7]': [/public key/, () => good({ header: { jwk: { ...key.jwk, d: key.jwk.x } } })],
    'a symmetric key [7]': [/public key/, () => good({ header: { jwk: { kty: 'oct', k: 'AAAA' } } })],
    'no key [7]': [/public key/, () => good({ header: { jwk: undefined } })],
    'a key that is text [7]': [/public key/, () => good({ header: { jwk: 'key' } })],
    'an RSA key beyond measure': [
      /public key/,
      async () =>
        handMade(await headerOf({ alg: 'RS256', jwk: rsa('A'.repeat(4000), 'AQAB') }), await claimsOf(), () => 'AA'),
    ],
    'an RSA exponent beyond measure': [
      /public key/,
      async () =>
        handMade(
          await headerOf({ alg: 'RS256', jwk: rsa('A'.repeat(342), 'A'.repeat(342)) }),
          await claimsOf(),
          () => 'AA',
        ),
    ],
    'another method [8]': [/htm/, () => good({ claims: { htm: 'PUT' } })],
    'the method in small letters [8]': [/htm/, () => good({ claims: { htm: 'post' } })],
    'another path [9]': [/htu/, () => good({ claims: { htu: `${MAILBOXES}/x` } })],
    'another host [9]': [/htu/, () => good({ claims: { htu: MAILBOXES.replace('relay.', 'evil.') } })],
    'another scheme [9]': [/htu/, () => good({ claims: { htu: MAILBOXES.replace('https', 'http') } })],
    'a user in the URL [9]': [/htu/, () => good({ claims: { htu: MAILBOXES.replace('//', '//user@') } })],
    'a slash at the end [9]': [/htu/, () => good({ claims: { htu: `${MAILBOXES}/` } })],
    'a slash that is escaped [9]': [/htu/, () => good({ claims: { htu: MAILBOXES.replace('/v1/', '%2Fv1%2F') } })],
    'a path only [9]': [/htu/, () => good({ claims: { htu: '/relay/v1/m' } })],
    'a nonce that is no text [10]': [/nonce/, () => good({ claims: { nonce: 7 } })],
    'too old [11]': [/too old/, () => good({ claims: { iat: secondsAgo(131) } })],
    'from the future [11]': [/future/, () => good({ claims: { iat: secondsAgo(-12) } })],
    'for another token [12]': [/ath/, () => proofOf(key, 'another.access.token')],
    'an extension that is not known': [
      /extension/,
      async () => handMade(await headerOf({ crit: ['exp'], exp: 1 }), await claimsOf(), () => 'AA'),
    ],
  };

  it.each(Object.entries(REFUSED))('rejects %s', async (_, [says, proof]) => {
    const refused = await check(await proof()).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(DpopProofError);
    expect(refused).toMatchObject({ code: 'invalid_dpop_proof', message: expect.stringMatching(says) });
    expect(refused).not.toHaveProperty('cause');
  });

  it('rejects an extreme iat as too old or too early', async () => {
    for (const iat of [Number.MAX_VALUE, -Number.MAX_VALUE, 1e300]) {
      await expect(check(await good({ claims: { iat } }))).rejects.toBeInstanceOf(DpopProofError);
    }
  });

  async function headerOf(changes: object): Promise<object> {
    return { alg: 'ES256', typ: 'dpop+jwt', jwk: key.jwk, ...changes };
  }

  async function claimsOf(): Promise<object> {
    const [, claims = ''] = (await good()).split('.');
    return JSON.parse(Buffer.from(claims, 'base64url').toString());
  }
});

function rsa(n: string, e: string): object {
  return { kty: 'RSA', n, e };
}
