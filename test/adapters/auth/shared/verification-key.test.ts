import { oauthBearer } from 'credential-relay/adapters/auth/oauth-bearer';
import { type CryptoKey, createLocalJWKSet, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { findVerificationKey, SignatureMismatch } from '../../../../adapters/auth/shared/verification-key.js';
import { inputOf, judge, type Outcome, RESOURCE, someServices } from '../../../support/auth/oauth-bearer.js';

/* The cost of a key set with very many keys. */

const ISSUER = 'https://as.example';

type Key = Awaited<ReturnType<typeof makeKey>>;
async function makeKey(kid: string) {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  return { privateKey, jwk: { ...(await exportJWK(publicKey)), kid } };
}

let keys: readonly Key[];
beforeAll(async () => {
  keys = await Promise.all(Array.from({ length: 17 }, (_, index) => makeKey(`key-${index}`)));
});
afterEach(() => vi.restoreAllMocks());

const jwkOf = (index: number): JWK => keys[index]?.jwk ?? {};

/** A valid access token of one of the keys. */
async function tokenOf(index: number, header: { kid?: string } = {}): Promise<string> {
  const seconds = Math.floor(Date.now() / 1000);
  return new SignJWT({
    client_id: 'app',
    iss: ISSUER,
    aud: RESOURCE,
    sub: 's',
    jti: 'j',
    iat: seconds,
    exp: seconds + 60,
  })
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', ...header })
    .sign(keys[index]?.privateKey as CryptoKey);
}

/** A hook of an issuer with these keys. */
function hookWith(set: readonly JWK[]) {
  const metadata = { issuer: ISSUER, jwks_uri: `${ISSUER}/jwks` };
  return oauthBearer({
    issuer: ISSUER,
    fetch: async (url) => Response.json(url.endsWith('/jwks') ? { keys: set } : metadata),
  });
}

const ask = (set: readonly JWK[], token: string): Promise<Outcome> =>
  judge(hookWith(set), { authorization: `Bearer ${token}` }, someServices());

describe('a key set of an issuer', () => {
  /** The key of the token, with its name, and `count` other keys. */
  const withOthers = (count: number): JWK[] => [
    jwkOf(0),
    ...Array.from({ length: count }, (_, index) => ({ ...jwkOf(1), kid: `other-${index}` })),
  ];

  it('has at most 100 keys: a larger set is a 503', async () => {
    const token = await tokenOf(0, { kid: 'key-0' });
    expect(await ask(withOthers(99), token)).toHaveProperty('principal');
    expect(await ask(withOthers(100), token)).toMatchObject({
      status: 503,
      code: 'authentication_unavailable',
      cause: 'oauth_keys_failed',
    });
  });

  it('is tried key by key for a token without kid, up to 16 keys', async () => {
    const set = keys.map(({ jwk }) => jwk);
    expect(await ask(set, await tokenOf(15))).toHaveProperty('principal');
    const token = await tokenOf(16);
    const verify = vi.spyOn(crypto.subtle, 'verify');
    const outcome = await ask(set, token);
    expect(verify).toHaveBeenCalledTimes(16);
    expect(outcome).toMatchObject({ status: 401, code: 'token_invalid' });
    expect(outcome).toHaveProperty('challenges.0', expect.stringContaining('does not name its key'));
    expect(await ask(set, await tokenOf(16, { kid: 'key-16' }))).toHaveProperty('principal');
  });

  it('is tried up to 16 keys with the same kid', async () => {
    const verify = vi.spyOn(crypto.subtle, 'verify');
    const set = keys.map(({ jwk }) => ({ ...jwk, kid: 'one' }));
    expect(await ask(set, await tokenOf(16, { kid: 'one' }))).toMatchObject({ status: 401 });
    expect(verify).toHaveBeenCalledTimes(16);
  });

  it('is not tried further after the signal aborts', async () => {
    const controller = new AbortController();
    const authorization = `Bearer ${await tokenOf(15)}`;
    const real = crypto.subtle.verify.bind(crypto.subtle);
    const verify = vi.spyOn(crypto.subtle, 'verify').mockImplementation((...given: Parameters<typeof real>) => {
      controller.abort();
      return real(...given);
    });
    const input = { ...inputOf({ authorization }, someServices()), signal: controller.signal };
    await expect(hookWith(keys.map(({ jwk }) => jwk))(input)).rejects.toMatchObject({ status: 503 });
    expect(verify).toHaveBeenCalledTimes(1);
  });
});

describe('findVerificationKey', () => {
  it('throws SignatureMismatch for the named key, and finds the signing key', async () => {
    const set = createLocalJWKSet({ keys: keys.map(({ jwk }) => jwk) });
    const { signal } = new AbortController();
    const jws = await tokenOf(3);
    await expect(findVerificationKey(set, jws, { alg: 'ES256', kid: 'key-4' }, signal)).rejects.toThrow(
      SignatureMismatch,
    );
    expect(await findVerificationKey(set, jws, { alg: 'ES256', kid: 'key-3' }, signal)).toBeDefined();
    expect(await findVerificationKey(set, jws, { alg: 'ES256', kid: 'unknown' }, signal)).toBeUndefined();
  });
});
