import type { AuthenticationHook, AuthenticationInput, ResourceMetadata } from '../../../src/relay/auth/contract.js';
import { createNonce, isFreshNonce } from '../../../src/relay/auth/nonce.js';
import { checkDpopProof, DPOP_NONCE, type DpopProof, DpopProofError, spendDpopProof } from '../shared/dpop.js';
import { MOST_JWT_CHARACTERS } from '../shared/jwt-length.js';
import { type Answers, answersFor, type Scheme, schemesOf } from './answers.js';
import { introspectionJudge } from './introspection.js';
import { jwtJudge, looksLikeJwt } from './jwt.js';
import type { OAuthBearerOptions } from './options.js';
import { authorizationServer } from './server.js';
import { type Settings, settingsOf } from './settings.js';
import { type AccessToken, type Expectations, TokenRefused } from './token.js';

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
  const settings = settingsOf(options);
  const judge = judgeOf(settings);

  async function authenticate(input: AuthenticationInput) {
    const answers = answersFor(settings, input);
    const { scheme, token } = credentialsOf(input, settings, answers);
    const proof = scheme === 'DPoP' ? input.header('dpop') : undefined;
    const now = input.relay.clock();
    const audience = settings.audience ?? [input.relay.resource];
    const { toleranceMs } = settings;
    const accessToken = await judge(token, { audience, now, toleranceMs, signal: input.signal }).catch((error) => {
      throw error instanceof TokenRefused ? answers.invalid(scheme, 'invalid_token', error.message) : error;
    });
    checkBinding(accessToken, scheme, settings, answers);
    // The token decides, not the scheme: what is bound is never taken without its proof.
    const bound = accessToken.boundTo !== undefined;
    const proven = bound ? await prove(input, proof, token, accessToken, settings, answers) : undefined;
    const needed = settings.scopes(input.operation);
    if (!needed.every((scope) => accessToken.scopes.includes(scope))) throw answers.insufficient(scheme, needed);
    // Last of all: a proof that is refused for anything else can be sent again.
    if (proven !== undefined && !(await spendDpopProof(input, proven))) {
      throw answers.invalid(scheme, 'invalid_dpop_proof', 'The proof was used before.');
    }
    return { app: accessToken.clientId, scopes: accessToken.scopes, via: ['oauth-bearer'] };
  }

  return Object.assign(authenticate, { metadata: metadataOf(options, settings) });
}

function judgeOf(settings: Settings): (token: string, expectations: Expectations) => Promise<AccessToken> {
  const server = authorizationServer(settings);
  if (settings.tokens === 'jwt') return jwtJudge(settings, server);
  const introspect = introspectionJudge(settings, server);
  if (settings.tokens === 'opaque') return introspect;
  const verify = jwtJudge(settings, server);
  return (token, expectations) => (looksLikeJwt(token) ? verify : introspect)(token, expectations);
}

/** Takes the Authorization header apart (RFC 6750 §2.1): scheme, spaces, token68. */
function credentialsOf(input: AuthenticationInput, settings: Settings, answers: Answers): Credentials {
  const [, name = '', rest = ''] = /^(\S+) *(.*)$/.exec(input.header('authorization') ?? '') ?? [];
  const scheme = SCHEMES.get(name.toLowerCase());
  if (scheme === undefined || rest === '' || (scheme === 'DPoP' && settings.dpop === 'off')) throw answers.missing();
  if (rest.length > MOST_JWT_CHARACTERS) throw answers.invalid(scheme, 'invalid_token', 'The token is too long.');
  if (/^[A-Za-z0-9._~+/-]+=*$/.test(rest)) return { scheme, token: rest };
  throw answers.invalid(scheme, 'invalid_token', 'The token is malformed.');
}

function checkBinding({ boundTo }: AccessToken, scheme: Scheme, { dpop }: Settings, answers: Answers): void {
  if (boundTo !== undefined && dpop === 'off') {
    throw answers.invalid(scheme, 'invalid_token', 'The token is bound to a key, which is not supported.');
  }
  if (boundTo !== undefined && scheme !== 'DPoP') {
    throw answers.invalid(scheme, 'invalid_token', 'The token is bound to a key: send it by the scheme DPoP.');
  }
  if (boundTo === undefined && (scheme === 'DPoP' || dpop === 'required')) {
    throw answers.invalid(scheme, 'invalid_token', 'The token is not bound to a key.');
  }
}

async function prove(
  input: AuthenticationInput,
  header: string | undefined,
  token: string,
  { boundTo }: AccessToken,
  { proofs, dpopNonce }: Settings,
  answers: Answers,
): Promise<DpopProof> {
  const now = input.relay.clock();
  const request = { method: input.method, url: input.url, accessToken: token };
  if (header === undefined) throw answers.invalid('DPoP', 'invalid_dpop_proof', 'There is no proof.');
  const proof = await checkDpopProof(header, request, proofs, now).catch((error) => {
    throw error instanceof DpopProofError ? answers.invalid('DPoP', error.code, error.message) : error;
  });
  if (proof.thumbprint !== boundTo) {
    throw answers.invalid('DPoP', 'invalid_token', 'The token is bound to another key than the proof is signed with.');
  }
  const secrets = dpopNonce ? input.relay.secrets(DPOP_NONCE) : [];
  if (dpopNonce && !isFreshNonce(proof.nonce ?? '', secrets, now)) {
    const nonce = createNonce(secrets, now);
    throw answers.invalid('DPoP', 'use_dpop_nonce', 'The proof needs the nonce of DPoP-Nonce.', nonce);
  }
  return proof;
}

/** RFC 9728 §2. */
function metadataOf({ issuer }: OAuthBearerOptions, settings: Settings): ResourceMetadata {
  const proofs = schemesOf(settings).includes('DPoP');
  return Object.freeze({
    // A URL object puts a slash behind a bare host, which the identifier has not.
    authorization_servers: [issuer instanceof URL && issuer.pathname === '/' ? issuer.origin : String(issuer)],
    bearer_methods_supported: ['header'],
    ...(settings.allScopes.length > 0 ? { scopes_supported: settings.allScopes } : {}),
    ...(proofs ? { dpop_signing_alg_values_supported: settings.proofs.algorithms } : {}),
    ...(proofs ? { dpop_bound_access_tokens_required: settings.dpop === 'required' } : {}),
  });
}
