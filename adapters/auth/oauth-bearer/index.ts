import {
  type AuthenticationHook,
  type AuthenticationInput,
  markFactory,
  type ResourceMetadata,
} from '../../../src/relay/auth/contract.js';
import { createNonce, isFreshNonce } from '../../../src/relay/auth/nonce.js';
import { consumeDpopProof, DPOP_NONCE, type DpopProof, DpopProofError, verifyDpopProof } from '../shared/dpop.js';
import { MAXIMUM_JWT_CHARACTERS } from '../shared/jws.js';
import { toPackageOutage } from '../shared/package-outage.js';
import { type Challenges, createChallenges, getSchemes, type Scheme } from './challenges.js';
import { createIntrospectionVerifier } from './introspection.js';
import { createJwtVerifier, isSignedJwt } from './jwt.js';
import { loadPackages, preloadPackages } from './openid-client.js';
import type { OAuthBearerOptions } from './options.js';
import { resolveOptions, type Settings } from './resolve-options.js';
import { createAuthorizationServer } from './server.js';
import { type AccessToken, TokenRefused, type VerifyToken } from './token.js';

export type { OAuthBearerOptions, OperationScopes, TrustedCertificates } from './options.js';

/** The schemes by their lower-case names, since a scheme is case-insensitive (RFC 9110 §11.1). */
const SCHEMES: ReadonlyMap<string, Scheme> = new Map([
  ['bearer', 'Bearer'],
  ['dpop', 'DPoP'],
]);

interface Credentials {
  readonly scheme: Scheme;
  readonly token: string;
}

/**
 * Creates a hook for OAuth 2.0 access tokens: `Authorization: Bearer` (RFC 6750) and `Authorization: DPoP` (RFC 9449).
 * The hook verifies JWTs (RFC 9068, or the form in `profile`) with the published keys of the issuer, and introspects all
 * other tokens (RFC 7662) if `clientId` is set. Requires the packages `openid-client` and `jose`: without them, the
 * process gets a warning at the start, and requests get 503.
 *
 * | Refusal | `error` in the challenge |
 * | --- | --- |
 * | 401 `token_required` | none |
 * | 401 `token_invalid` | `invalid_token`, `invalid_dpop_proof` or `use_dpop_nonce` |
 * | 403 `forbidden` | `insufficient_scope` |
 * | 400 `header_repeated` | |
 * | 503 `authentication_unavailable` | |
 *
 * The event `hook.refused` names the reason of each refusal, such as the claim that is missing.
 *
 * If the authorization server fails, the hook neither accepts nor rejects a token: the request gets 503. An
 * introspection response must have an audience. Its issuer and expiration count if present.
 *
 * Key rotation needs no configuration: an unknown `kid` and a bad signature cause a fetch of the key set, limited by
 * `jwksCooldownSeconds`. The hook fetches the metadata again after 10 minutes, and uses old metadata for one more hour
 * if the fetch fails. A DPoP proof is valid once, on all processes with the same store: a retry needs a new proof.
 *
 * The principal is `{ app: client, scopes, via: ['oauth-bearer'] }`. It does not contain `sub`, which may identify a
 * person. If an introspection response has no `client_id`, `app` is undefined, and `allOf` does not compare it with the
 * `app` of another hook.
 *
 * @param options - Only `issuer` is required.
 * @returns A hook for `authenticate`, with its part of the protected resource metadata (RFC 9728). The hook sends no
 * request before the first token.
 * @throws {TypeError} If an option is invalid. The message begins with the path of the option.
 * @example
 * createRelay({ authenticate: oauthBearer({ issuer: 'https://as.example', scopes: { create: ['relay.create'] } }) });
 * @see {@link https://www.rfc-editor.org/rfc/rfc6750 RFC 6750}
 * @see {@link https://www.rfc-editor.org/rfc/rfc9068 RFC 9068}
 * @see {@link https://www.rfc-editor.org/rfc/rfc7662 RFC 7662}
 * @see {@link https://www.rfc-editor.org/rfc/rfc9449 RFC 9449}
 */
export function oauthBearer(options: OAuthBearerOptions): AuthenticationHook {
  const settings = resolveOptions(options);
  const verify = createVerifier(settings);
  preloadPackages();

  async function authenticate(input: AuthenticationInput) {
    const loading = loadPackages();
    if (loading !== undefined) await loading.catch(toPackageOutage);
    const challenges = createChallenges(settings, input);
    const { scheme, token } = parseCredentials(input, settings, challenges);
    const proof = scheme === 'DPoP' ? input.header('dpop') : undefined;
    const now = input.relay.clock();
    const audience = settings.audience ?? [input.relay.resource];
    const { toleranceMs } = settings;
    const accessToken = await verify(token, { audience, now, toleranceMs, signal: input.signal }).catch((error) => {
      if (!(error instanceof TokenRefused)) throw error;
      throw challenges.tokenInvalid(scheme, 'invalid_token', error.message, { reason: error.reason });
    });
    checkBinding(accessToken, scheme, settings, challenges);
    // The token decides, not the scheme: a bound token always needs its proof.
    const isBound = accessToken.boundTo !== undefined;
    const verified = isBound ? await verifyProof(input, proof, token, accessToken, settings, challenges) : undefined;
    const needed = settings.scopes(input.operation);
    if (!needed.every((scope) => accessToken.scopes.includes(scope))) {
      throw challenges.insufficientScope(scheme, needed);
    }
    // This check comes last, so that the client can send a proof again after any other refusal.
    if (verified !== undefined && !(await consumeDpopProof(input, verified))) {
      throw challenges.tokenInvalid(scheme, 'invalid_dpop_proof', 'The proof was used before.');
    }
    return { app: accessToken.clientId, scopes: accessToken.scopes, via: ['oauth-bearer'] };
  }

  return Object.assign(authenticate, {
    metadata: createMetadata(options, settings),
    timeoutMs: settings.explicitTimeoutMs,
  });
}

function createVerifier(settings: Settings): VerifyToken {
  const server = createAuthorizationServer(settings);
  if (settings.tokens === 'jwt') return createJwtVerifier(settings, server);
  const introspect = createIntrospectionVerifier(settings, server);
  if (settings.tokens === 'opaque') return introspect;
  const verifyJwt = createJwtVerifier(settings, server);
  return (token, requirements) => (isSignedJwt(token) ? verifyJwt : introspect)(token, requirements);
}

/** Parses the Authorization header (RFC 6750 §2.1): scheme, spaces, token68. */
function parseCredentials(input: AuthenticationInput, settings: Settings, challenges: Challenges): Credentials {
  const [, name = '', token = ''] = /^(\S+) *(.*)$/.exec(input.header('authorization') ?? '') ?? [];
  const scheme = SCHEMES.get(name.toLowerCase());
  if (scheme === undefined || token === '' || (scheme === 'DPoP' && settings.dpop === 'off')) {
    throw challenges.tokenRequired();
  }
  if (token.length > MAXIMUM_JWT_CHARACTERS) {
    throw challenges.tokenInvalid(scheme, 'invalid_token', 'The token is too long.');
  }
  if (/^[A-Za-z0-9._~+/-]+=*$/.test(token)) return { scheme, token };
  throw challenges.tokenInvalid(scheme, 'invalid_token', 'The token is malformed.');
}

function checkBinding({ boundTo }: AccessToken, scheme: Scheme, { dpop }: Settings, challenges: Challenges): void {
  if (boundTo !== undefined && dpop === 'off') {
    throw challenges.tokenInvalid(
      scheme,
      'invalid_token',
      'The relay does not support tokens that are bound to a key.',
    );
  }
  if (boundTo !== undefined && scheme !== 'DPoP') {
    throw challenges.tokenInvalid(scheme, 'invalid_token', 'The token is bound to a key and needs the scheme DPoP.');
  }
  if (boundTo === undefined && (scheme === 'DPoP' || dpop === 'required')) {
    throw challenges.tokenInvalid(scheme, 'invalid_token', 'The token is not bound to a key.');
  }
}

async function verifyProof(
  input: AuthenticationInput,
  header: string | undefined,
  token: string,
  { boundTo }: AccessToken,
  { proofs, dpopNonce }: Settings,
  challenges: Challenges,
): Promise<DpopProof> {
  const now = input.relay.clock();
  const request = { method: input.method, url: input.url, accessToken: token };
  if (header === undefined) {
    throw challenges.tokenInvalid('DPoP', 'invalid_dpop_proof', 'The request has no proof.');
  }
  const proof = await verifyDpopProof(header, request, proofs, now).catch((error) => {
    throw error instanceof DpopProofError ? challenges.tokenInvalid('DPoP', error.code, error.message) : error;
  });
  if (proof.thumbprint !== boundTo) {
    throw challenges.tokenInvalid('DPoP', 'invalid_token', 'The token is bound to another key than the proof.');
  }
  const secrets = dpopNonce ? input.relay.secrets(DPOP_NONCE) : [];
  if (dpopNonce && !isFreshNonce(proof.nonce ?? '', secrets, now)) {
    const nonce = createNonce(secrets, now);
    throw challenges.tokenInvalid('DPoP', 'use_dpop_nonce', 'The proof needs the nonce of DPoP-Nonce.', { nonce });
  }
  return proof;
}

/** RFC 9728 §2. */
function createMetadata({ issuer }: OAuthBearerOptions, settings: Settings): ResourceMetadata {
  const acceptsProofs = getSchemes(settings).includes('DPoP');
  return Object.freeze({
    // A URL object adds a slash to a bare host, and the issuer identifier has no such slash.
    authorization_servers: [issuer instanceof URL && issuer.pathname === '/' ? issuer.origin : String(issuer)],
    bearer_methods_supported: ['header'],
    ...(settings.allScopes.length > 0 ? { scopes_supported: settings.allScopes } : {}),
    ...(acceptsProofs ? { dpop_signing_alg_values_supported: settings.proofs.algorithms } : {}),
    ...(acceptsProofs ? { dpop_bound_access_tokens_required: settings.dpop === 'required' } : {}),
  });
}

markFactory('oauthBearer', oauthBearer);
