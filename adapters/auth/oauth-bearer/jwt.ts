import type { JWTPayload, JWTVerifyGetKey, ProtectedHeaderParameters } from 'jose';
import { hash } from '../../../src/relay/hash.js';
import { jose } from '../../shared/jose.js';
import { createKeySetCache, fetchKeySet, KeyLookupThrottled, type KeySetCache } from '../shared/key-set.js';
import { lruCache } from '../shared/lru-cache.js';
import { findVerificationKey, type KeyHeader, KeyNotNamed, SignatureMismatch } from '../shared/verification-key.js';
import { mayHaveMoved, toUnavailable } from './outage.js';
import { PROFILES, type Profile } from './profiles.js';
import type { Settings } from './resolve-options.js';
import type { AuthorizationServer } from './server.js';
import {
  type AccessToken,
  checkApp,
  checkClaims,
  checkTimes,
  parseBinding,
  refuseForm,
  TokenRefused,
  type TokenRequirements,
  type VerifyToken,
} from './token.js';

/** Tokens whose signature is not verified again with the same key set: a digest and a reference per token. */
const MAXIMUM_VERIFIED_TOKENS = 10_000;

/** True if a token has three parts and the first part is a JOSE header. */
export function isSignedJwt(token: string): boolean {
  return token.split('.').length === 3 && tryDecodeHeader(token) !== undefined;
}

/**
 * Creates a function that verifies JWT access tokens of one issuer, in the form of the profile (RFC 9068 §4). The
 * function throws {@link TokenRefused} or `authentication_unavailable`.
 */
export function createJwtVerifier(settings: Settings, server: AuthorizationServer): VerifyToken {
  // RFC 9068 §4 requires the `iss` of the metadata, which may differ from the option by a final slash.
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
  const verifySignature = createSignatureVerifier();
  const otherIssuers = settings.profile.getIssuers?.(settings.issuer) ?? [];

  return async (token, requirements) => {
    const header = tryDecodeHeader(token);
    const claims = tryDecodeClaims(token);
    if (header === undefined || claims === undefined) throw new TokenRefused('The token is not a JWT.');
    // The checks without a key come first, so that an invalid token causes no fetch.
    const algorithm = checkHeader(header, settings);
    const accessToken = readClaims(claims, header, settings);
    const isOther = otherIssuers.some((other) => other === claims.iss);
    if (!isOther && !isSameIssuer(claims.iss, settings.issuer)) {
      throw new TokenRefused('The token is from another issuer.');
    }
    checkAudience(claims, accessToken, settings, requirements);
    const keyHeader = { alg: algorithm, kid: header.kid };
    const isVerified = await keys
      .find(verifySignature(token, keyHeader, requirements.signal), requirements.now)
      .catch((error) => {
        throw toVerificationError(error);
      });
    if (isVerified === undefined) throw new TokenRefused('The token is signed with an unknown key.');
    if (!isOther && claims.iss !== issuer) throw new TokenRefused('The token is from another issuer.');
    return accessToken;
  };
}

type VerifySignature = (set: JWTVerifyGetKey) => Promise<true | undefined>;

/** Remembers the key set that verified a token. A removed key makes a new set, so its tokens are verified again. */
function createSignatureVerifier(): (token: string, header: KeyHeader, signal: AbortSignal) => VerifySignature {
  const verifiedWith = lruCache<JWTVerifyGetKey>(MAXIMUM_VERIFIED_TOKENS);
  return (token, header, signal) => {
    const digest = hash('sha256', token, 'base64url');
    return async (set) => {
      if (verifiedWith.get(digest) === set) return true;
      if ((await findVerificationKey(set, token, header, signal)) === undefined) return undefined;
      verifiedWith.set(digest, set);
      return true;
    };
  };
}

/** Separates faults of the token (401) from faults of the keys (503). */
function toVerificationError(error: unknown): unknown {
  if (error instanceof SignatureMismatch) return new TokenRefused('The signature of the token is invalid.');
  if (error instanceof KeyNotNamed) {
    return new TokenRefused('The token does not name its key, and too many keys are possible (kid).');
  }
  if (error instanceof KeyLookupThrottled) return toUnavailable('oauth_key_unknown', error);
  return toUnavailable('oauth_keys_failed', error);
}

function tryDecodeHeader(token: string): ProtectedHeaderParameters | undefined {
  const { decodeProtectedHeader } = jose.module;
  try {
    return decodeProtectedHeader(token);
  } catch {
    return undefined;
  }
}

function tryDecodeClaims(token: string): JWTPayload | undefined {
  const { decodeJwt } = jose.module;
  try {
    return decodeJwt(token);
  } catch {
    return undefined;
  }
}

/** Returns the algorithm. */
function checkHeader(
  { typ, alg, kid, crit }: ProtectedHeaderParameters,
  { profile, algorithms }: Pick<Settings, 'profile' | 'algorithms'>,
): string {
  // RFC 9068 §4: the check keeps other JWTs of the issuer, such as ID tokens, from passing as access tokens.
  const type = typ === undefined ? '' : typ;
  if (typeof type !== 'string' || !profile.types.includes(type.toLowerCase().replace(/^application\//, ''))) {
    throw refuseForm(explain('The typ of the token is not', profile.types.filter(Boolean).join(', '), profile));
  }
  if (alg === undefined || !algorithms.includes(alg)) {
    throw new TokenRefused('The algorithm of the token is not accepted.');
  }
  if (crit !== undefined) throw new TokenRefused('The token requires an unsupported extension (crit).');
  if (kid !== undefined && typeof kid !== 'string') throw new TokenRefused('The kid of the token is not a string.');
  return alg;
}

/** Checks the form of the claims, and reads the client, the scopes and the binding. */
function readClaims(claims: JWTPayload, header: ProtectedHeaderParameters, { profile }: Settings): AccessToken {
  const { required, clientClaims } = profile;
  const isText = (name: string): boolean => typeof claims[name] === 'string' && claims[name] !== '';
  const fault = profile.findFault?.(claims, header);
  if (fault !== undefined) throw refuseForm(fault);
  const absent =
    ['iss', ...required].find((name) => !isText(name)) ??
    ['exp', 'iat'].find((name) => typeof claims[name] !== 'number');
  const client = clientClaims.find(isText);
  if (absent !== undefined) throw refuseForm(explain('The token has no', absent, profile));
  if (client === undefined) throw refuseForm(explain('The token has no', clientClaims.join(' and no '), profile));
  return {
    clientId: claims[client] as string,
    scopes: profile.readScopes(claims),
    boundTo: parseBinding(claims.cnf),
  };
}

/** Names the option `profile` if the token may have the form of another profile. */
function explain(text: string, names: string, profile: Profile): string {
  const hint =
    ' If the issuer is Entra ID, Okta, Cognito, Auth0 or Keycloak, set oauthBearer.profile; otherwise let the issuer ' +
    'follow RFC 9068, or introspect its tokens (clientId, tokens).';
  return `${text} ${names}.${profile === PROFILES.rfc9068 ? hint : ''}`;
}

/** A token without `aud` is bound to this relay by its client only, so the list of clients must exist then. */
function checkAudience(
  claims: JWTPayload,
  { clientId }: AccessToken,
  { profile, apps }: Settings,
  requirements: TokenRequirements,
): void {
  if (claims.aud === undefined && profile.mayLackAudience === true && apps !== undefined) {
    checkTimes(claims, requirements);
  } else {
    checkClaims(claims, requirements);
  }
  checkApp(clientId, apps);
}

function isSameIssuer(iss: unknown, issuer: URL): boolean {
  return typeof iss === 'string' && URL.canParse(iss) && new URL(iss).href === issuer.href;
}

function parseJwksUri(uri: unknown, { issuer }: Settings): string {
  const protocol = typeof uri === 'string' && URL.canParse(uri) ? new URL(uri).protocol : undefined;
  // An attacker on the network could replace a key set over plain http.
  if (typeof uri !== 'string' || (protocol !== 'https:' && protocol !== issuer.protocol)) {
    throw new TypeError('The metadata of the authorization server have no usable jwks_uri.');
  }
  return uri;
}
