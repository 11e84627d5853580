import { hash } from 'node:crypto';
import {
  decodeJwt,
  decodeProtectedHeader,
  type JWTPayload,
  type JWTVerifyGetKey,
  type ProtectedHeaderParameters,
} from 'jose';
import { createKeySetCache, fetchKeySet, KeyLookupThrottled, type KeySetCache } from '../shared/key-set.js';
import { lruCache } from '../shared/lru-cache.js';
import { findVerificationKey, type KeyHeader, KeyNotNamed, SignatureMismatch } from '../shared/verification-key.js';
import { mayHaveMoved, toUnavailable } from './outage.js';
import type { Settings } from './resolve-options.js';
import type { AuthorizationServer } from './server.js';
import { type AccessToken, checkClaims, TokenRefused, type TokenRequirements, toAccessToken } from './token.js';

/** Judges JWT access tokens (RFC 9068 §4). Throws {@link TokenRefused}, or `authentication_unavailable`. */
export type JwtJudge = (token: string, expectations: TokenRequirements) => Promise<AccessToken>;

/** The claims that RFC 9068 §2.2 requires, `aud` apart, which is looked at anyway. */
const REQUIRED = { texts: ['iss', 'sub', 'client_id', 'jti'], numbers: ['exp', 'iat'] };

/** Tokens whose signature is not computed again while the key set is the same: a digest and a pointer for each. */
const MAXIMUM_VERIFIED_TOKENS = 10_000;

/** True for what can only be a signed JWT: three parts, the first of them a JOSE header. */
export function isSignedJwt(token: string): boolean {
  return token.split('.').length === 3 && tryDecodeHeader(token) !== undefined;
}

/** Makes a judge of the tokens of one issuer, with a key set of its own. */
export function createJwtVerifier(settings: Settings, server: AuthorizationServer): JwtJudge {
  // RFC 9068 §4 wants `iss` exactly as the metadata has it, which may differ from the option by a final slash.
  let issuer: string | undefined;
  const keys: KeySetCache<true> = createKeySetCache(async (now) => {
    const configuration = await server.getConfiguration(now);
    try {
      const metadata = configuration.serverMetadata();
      const set = await fetchKeySet(parseJwksUri(metadata.jwks_uri, settings), settings.fetch);
      issuer = metadata.issuer;
      return set;
    } catch (error) {
      if (mayHaveMoved(error)) server.markSuspect();
      throw error;
    }
  }, settings.keys);
  const verified = lruCache<JWTVerifyGetKey>(MAXIMUM_VERIFIED_TOKENS);

  /** Whether the signature is good, by a set of keys; `undefined` if the set has no key for it. */
  async function check(
    token: string,
    digest: string,
    header: KeyHeader,
    set: JWTVerifyGetKey,
    signal: AbortSignal,
  ): Promise<true | undefined> {
    // Good by this very set, not by one before it: a key that was taken back takes its tokens along.
    if (verified.get(digest) === set) return true;
    if ((await findVerificationKey(set, token, header, signal)) === undefined) return undefined;
    verified.set(digest, set);
    return true;
  }

  return async (token, expectations) => {
    const header = tryDecodeHeader(token);
    const claims = tryDecodeClaims(token);
    if (header === undefined || claims === undefined) throw new TokenRefused('The token is no JWT.');
    // All that needs no key comes first: a token that is refused anyway must not cause a fetch.
    const algorithm = checkHeader(header, settings.algorithms);
    checkRequired(claims);
    if (!sameIssuer(claims.iss, settings.issuer)) throw new TokenRefused('The token is of another issuer.');
    checkClaims(claims, expectations);
    const accessToken = toAccessToken(claims);
    const digest = hash('sha256', token, 'base64url');
    const keyHeader = { alg: algorithm, kid: header.kid };
    const signed = await keys
      .find((set) => check(token, digest, keyHeader, set, expectations.signal), expectations.now)
      .catch((error) => {
        throw toVerificationError(error);
      });
    if (signed === undefined) throw new TokenRefused('The token is signed with an unknown key.');
    if (claims.iss !== issuer) throw new TokenRefused('The token is of another issuer.');
    return accessToken;
  };
}

/** What went wrong with the keys, apart from what was wrong with the token. */
function toVerificationError(error: unknown): unknown {
  if (error instanceof SignatureMismatch) return new TokenRefused('The signature of the token is not good.');
  if (error instanceof KeyNotNamed) {
    return new TokenRefused('The token does not name its key, and too many could be meant (kid).');
  }
  if (error instanceof KeyLookupThrottled) return toUnavailable('oauth_key_unknown', error);
  return toUnavailable('oauth_keys_failed', error);
}

function tryDecodeHeader(token: string): ProtectedHeaderParameters | undefined {
  try {
    return decodeProtectedHeader(token);
  } catch {
    return undefined;
  }
}

function tryDecodeClaims(token: string): JWTPayload | undefined {
  try {
    return decodeJwt(token);
  } catch {
    return undefined;
  }
}

function checkHeader({ typ, alg, kid, crit }: ProtectedHeaderParameters, algorithms: readonly string[]): string {
  // RFC 9068 §4: so that no other JWT of the issuer, such as an ID token, passes for an access token.
  if (typeof typ !== 'string' || !/^(application\/)?at\+jwt$/i.test(typ))
    throw new TokenRefused('The token has another typ than at+jwt.');
  if (alg === undefined || !algorithms.includes(alg)) {
    throw new TokenRefused('The token is signed with an algorithm that is not accepted.');
  }
  if (crit !== undefined) throw new TokenRefused('The token demands an extension that is not known (crit).');
  if (kid !== undefined && typeof kid !== 'string') throw new TokenRefused('The kid of the token is no text.');
  return alg;
}

function checkRequired(claims: JWTPayload): void {
  const absent =
    REQUIRED.texts.find((name) => typeof claims[name] !== 'string' || claims[name] === '') ??
    REQUIRED.numbers.find((name) => typeof claims[name] !== 'number');
  if (absent !== undefined) throw new TokenRefused(`The token has no ${absent}.`);
}

function sameIssuer(iss: unknown, issuer: URL): boolean {
  return typeof iss === 'string' && URL.canParse(iss) && new URL(iss).href === issuer.href;
}

function parseJwksUri(uri: unknown, { issuer }: Settings): string {
  const protocol = typeof uri === 'string' && URL.canParse(uri) ? new URL(uri).protocol : undefined;
  // A key set over plain http could be anybody's.
  if (typeof uri !== 'string' || (protocol !== 'https:' && protocol !== issuer.protocol)) {
    throw new TypeError('The metadata of the authorization server has no jwks_uri that can be used.');
  }
  return uri;
}
