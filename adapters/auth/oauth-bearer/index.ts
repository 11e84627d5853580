import type { AuthenticationHook, AuthenticationInput, ResourceMetadata } from '../../../src/relay/auth/contract.js';
import { createNonce, isFreshNonce } from '../../../src/relay/auth/nonce.js';
import { consumeDpopProof, DPOP_NONCE, type DpopProof, DpopProofError, verifyDpopProof } from '../shared/dpop.js';
import { MAXIMUM_JWT_CHARACTERS } from '../shared/jws.js';
import { type Challenges, createChallenges, getSchemes, type Scheme } from './challenges.js';
import { createIntrospectionVerifier } from './introspection.js';
import { createJwtVerifier, isSignedJwt } from './jwt.js';
import type { OAuthBearerOptions } from './options.js';
import { resolveOptions, type Settings } from './resolve-options.js';
import { createAuthorizationServer } from './server.js';
import { type AccessToken, TokenRefused, type TokenRequirements } from './token.js';

export type { OAuthBearerOptions, OperationScopes } from './options.js';

/** Schemes as they may be written: in any case (RFC 9110 §11.1). */
const SCHEMES: ReadonlyMap<string, Scheme> = new Map([
  ['bearer', 'Bearer'],
  ['dpop', 'DPoP'],
]);

interface Credentials {
  readonly scheme: Scheme;
  readonly token: string;
}

/**
 * An authentication hook for OAuth 2.0 access tokens: `Authorization: Bearer` (RFC 6750) and `DPoP` (RFC 9449). JWTs
 * (RFC 9068) are checked with the issuer's published keys; others by introspection (RFC 7662), given a `clientId`.
 * Needs the packages `openid-client` and `jose`.
 *
 *     createRelay({ authenticate: oauthBearer({ issuer: 'https://as.example', scopes: { create: ['relay.create'] } }) })
 *
 * Refuses with `token_required` (401, a challenge without `error`), `token_invalid` (401, `invalid_token`,
 * `invalid_dpop_proof` or `use_dpop_nonce`), `forbidden` (403, `insufficient_scope`) and `header_repeated` (400). What
 * could not be found out is `authentication_unavailable` (503): a failure of the authorization server never lets a
 * token pass, and never makes a good one look bad. With introspection, the issuer and the expiry count if the answer
 * has them; an audience it must have.
 *
 * Key rotation needs no care: an unknown `kid` makes the key set be fetched anew, at a bounded rate (see
 * `jwksCooldownSeconds`), and so does a bad signature. Metadata are fetched anew after 10 minutes, and serve for another
 * hour while that fails. A proof counts once, on all processes with the same store: a retry needs a new proof.
 *
 * The principal is `{ app: client_id, scopes, via: ['oauth-bearer'] }`. `sub` is not passed on: it may be a person. An
 * introspection may answer without `client_id`: then `app` is undefined, and no other hook's app can be held against it.
 *
 * Throws a TypeError that begins with the path of the option at fault. Nothing is fetched before the first request.
 */
export function oauthBearer(options: OAuthBearerOptions): AuthenticationHook {
  const settings = resolveOptions(options);
  const judge = createVerifier(settings);

  async function authenticate(input: AuthenticationInput) {
    const answers = createChallenges(settings, input);
    const { scheme, token } = parseCredentials(input, settings, answers);
    const proof = scheme === 'DPoP' ? input.header('dpop') : undefined;
    const now = input.relay.clock();
    const audience = settings.audience ?? [input.relay.resource];
    const { toleranceMs } = settings;
    const accessToken = await judge(token, { audience, now, toleranceMs, signal: input.signal }).catch((error) => {
      throw error instanceof TokenRefused ? answers.tokenInvalid(scheme, 'invalid_token', error.message) : error;
    });
    checkBinding(accessToken, scheme, settings, answers);
    // The token decides, not the scheme: what is bound is never taken without its proof.
    const bound = accessToken.boundTo !== undefined;
    const proven = bound ? await verifyProof(input, proof, token, accessToken, settings, answers) : undefined;
    const needed = settings.scopes(input.operation);
    if (!needed.every((scope) => accessToken.scopes.includes(scope))) throw answers.insufficientScope(scheme, needed);
    // Last of all: a proof that is refused for anything else can be sent again.
    if (proven !== undefined && !(await consumeDpopProof(input, proven))) {
      throw answers.tokenInvalid(scheme, 'invalid_dpop_proof', 'The proof was used before.');
    }
    return { app: accessToken.clientId, scopes: accessToken.scopes, via: ['oauth-bearer'] };
  }

  return Object.assign(authenticate, { metadata: createMetadata(options, settings) });
}

function createVerifier(settings: Settings): (token: string, expectations: TokenRequirements) => Promise<AccessToken> {
  const server = createAuthorizationServer(settings);
  if (settings.tokens === 'jwt') return createJwtVerifier(settings, server);
  const introspect = createIntrospectionVerifier(settings, server);
  if (settings.tokens === 'opaque') return introspect;
  const verify = createJwtVerifier(settings, server);
  return (token, expectations) => (isSignedJwt(token) ? verify : introspect)(token, expectations);
}

/** Takes the Authorization header apart (RFC 6750 §2.1): scheme, spaces, token68. */
function parseCredentials(input: AuthenticationInput, settings: Settings, answers: Challenges): Credentials {
  const [, name = '', rest = ''] = /^(\S+) *(.*)$/.exec(input.header('authorization') ?? '') ?? [];
  const scheme = SCHEMES.get(name.toLowerCase());
  if (scheme === undefined || rest === '' || (scheme === 'DPoP' && settings.dpop === 'off'))
    throw answers.tokenRequired();
  if (rest.length > MAXIMUM_JWT_CHARACTERS)
    throw answers.tokenInvalid(scheme, 'invalid_token', 'The token is too long.');
  if (/^[A-Za-z0-9._~+/-]+=*$/.test(rest)) return { scheme, token: rest };
  throw answers.tokenInvalid(scheme, 'invalid_token', 'The token is malformed.');
}

function checkBinding({ boundTo }: AccessToken, scheme: Scheme, { dpop }: Settings, answers: Challenges): void {
  if (boundTo !== undefined && dpop === 'off') {
    throw answers.tokenInvalid(scheme, 'invalid_token', 'The token is bound to a key, which is not supported.');
  }
  if (boundTo !== undefined && scheme !== 'DPoP') {
    throw answers.tokenInvalid(scheme, 'invalid_token', 'The token is bound to a key: send it by the scheme DPoP.');
  }
  if (boundTo === undefined && (scheme === 'DPoP' || dpop === 'required')) {
    throw answers.tokenInvalid(scheme, 'invalid_token', 'The token is not bound to a key.');
  }
}

async function verifyProof(
  input: AuthenticationInput,
  header: string | undefined,
  token: string,
  { boundTo }: AccessToken,
  { proofs, dpopNonce }: Settings,
  answers: Challenges,
): Promise<DpopProof> {
  const now = input.relay.clock();
  const request = { method: input.method, url: input.url, accessToken: token };
  if (header === undefined) throw answers.tokenInvalid('DPoP', 'invalid_dpop_proof', 'There is no proof.');
  const proof = await verifyDpopProof(header, request, proofs, now).catch((error) => {
    throw error instanceof DpopProofError ? answers.tokenInvalid('DPoP', error.code, error.message) : error;
  });
  if (proof.thumbprint !== boundTo) {
    throw answers.tokenInvalid(
      'DPoP',
      'invalid_token',
      'The token is bound to another key than the proof is signed with.',
    );
  }
  const secrets = dpopNonce ? input.relay.secrets(DPOP_NONCE) : [];
  if (dpopNonce && !isFreshNonce(proof.nonce ?? '', secrets, now)) {
    const nonce = createNonce(secrets, now);
    throw answers.tokenInvalid('DPoP', 'use_dpop_nonce', 'The proof needs the nonce of DPoP-Nonce.', nonce);
  }
  return proof;
}

/** RFC 9728 §2. */
function createMetadata({ issuer }: OAuthBearerOptions, settings: Settings): ResourceMetadata {
  const proofs = getSchemes(settings).includes('DPoP');
  return Object.freeze({
    // A URL object puts a slash behind a bare host, which the identifier has not.
    authorization_servers: [issuer instanceof URL && issuer.pathname === '/' ? issuer.origin : String(issuer)],
    bearer_methods_supported: ['header'],
    ...(settings.allScopes.length > 0 ? { scopes_supported: settings.allScopes } : {}),
    ...(proofs ? { dpop_signing_alg_values_supported: settings.proofs.algorithms } : {}),
    ...(proofs ? { dpop_bound_access_tokens_required: settings.dpop === 'required' } : {}),
  });
}
