import { createHash } from 'node:crypto';
import { calculateJwkThumbprint, compactVerify, decodeJwt, decodeProtectedHeader, importJWK } from 'jose';
import type { AuthenticationInput } from '../../../src/relay/auth/contract.js';
import { isSameTarget } from './dpop-target.js';
import { MAXIMUM_JWT_CHARACTERS } from './jws.js';
import { isCanonicalJwk, type PublicJwk } from './public-jwk.js';
import { consumeProof } from './replay.js';

/*
 * Checking of DPoP proofs (RFC 9449 §4.3). Nothing here knows of tokens or hooks: a proof is judged against one
 * request, and what it proves is handed back. Whether it was used before is a question of its own, asked last, so that
 * a proof refused for something else is not used up.
 */

/** The request that a proof must have been made for. */
export interface DpopRequest {
  readonly method: string;
  /** The URL of the request; query and fragment do not count. */
  readonly url: string;
  /** The access token sent along, which the proof must name by its hash (`ath`). Default: the proof needs no `ath`. */
  readonly accessToken?: string | undefined;
}

/** What a relay demands of proofs. */
export interface DpopPolicy {
  /** JWS algorithms of proofs, asymmetric ones only. */
  readonly algorithms: readonly string[];
  /** Seconds for which a proof is good after its `iat`. */
  readonly maxAgeSeconds: number;
  /** Seconds by which the clock of a client may be off. */
  readonly clockToleranceSeconds: number;
}

/** A good proof. */
export interface DpopProof {
  /** RFC 7638 SHA-256 thumbprint of the key that signed it: `jkt`. */
  readonly thumbprint: string;
  readonly jti: string;
  /** The nonce it carries, unchecked; `undefined` if none. */
  readonly nonce: string | undefined;
  /** Unix time in ms from which the proof is refused for its age, by every hook of this process. */
  readonly expiresAt: number;
}

/** A proof that is not good. The message is a fixed sentence, fit for an `error_description`. */
export class DpopProofError extends Error {
  override readonly name = 'DpopProofError';
  readonly code = 'invalid_dpop_proof';
}

/** JWS algorithms a proof may use, unless a policy says otherwise. */
export const DPOP_ALGORITHMS = ['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519', 'PS256', 'RS256'] as const;

/** What relays make their nonces for (RFC 9449 §8): one nonce serves every hook that looks at the proof. */
export const DPOP_NONCE = 'dpop nonce';

/** Longest `jti` that is looked at; a UUID has 36 characters. */
const MAXIMUM_JTI_CHARACTERS = 256;

/**
 * Checks one `DPoP` header value against a request, all of RFC 9449 §4.3 but the nonce, the binding to the token and
 * the replay, for which it returns what is needed. `now` is Unix time in ms. Throws a {@link DpopProofError}.
 */
export async function verifyDpopProof(
  proof: string,
  request: DpopRequest,
  policy: DpopPolicy,
  now: number,
): Promise<DpopProof> {
  const { header, claims } = parse(proof);
  if (header.typ !== 'dpop+jwt') throw new DpopProofError('The proof has another typ than dpop+jwt.');
  if (typeof header.alg !== 'string' || !policy.algorithms.includes(header.alg)) {
    throw new DpopProofError('The proof is signed with an algorithm that is not accepted.');
  }
  if (header.crit !== undefined) throw new DpopProofError('The proof demands an extension that is not known (crit).');
  const { jwk } = header;
  if (!isCanonicalJwk(jwk)) throw new DpopProofError('The proof holds no public key that is accepted.');
  const { jti, htm, htu, iat, ath, nonce } = claims;
  if (typeof jti !== 'string' || jti === '' || jti.length > MAXIMUM_JTI_CHARACTERS) {
    throw new DpopProofError('The proof has no jti that is accepted.');
  }
  if (htm !== request.method) throw new DpopProofError('The proof is for another method (htm).');
  if (typeof htu !== 'string' || !isSameTarget(htu, request.url)) {
    throw new DpopProofError('The proof is for another URL (htu).');
  }
  const expiresAt = checkIssuedAt(iat, policy, now);
  if (request.accessToken !== undefined && ath !== hashToken(request.accessToken)) {
    throw new DpopProofError('The proof is for another access token (ath).');
  }
  if (nonce !== undefined && typeof nonce !== 'string') throw new DpopProofError('The nonce of the proof is no text.');
  await verifySignature(proof, jwk, header.alg);
  return { thumbprint: await calculateJwkThumbprint(jwk), jti, nonce, expiresAt };
}

/**
 * Notes the use of a proof, on all processes, until a little after its end. False if another request used it, whichever
 * hook looked at it then (RFC 9449 §11.1). Throws `store_unavailable` if the store does not answer.
 */
export function consumeDpopProof(input: AuthenticationInput, proof: DpopProof): Promise<boolean> {
  return consumeProof(input, 'dpop', `${proof.thumbprint} ${proof.jti}`, proof.expiresAt);
}

/** The longest time in ms for which some hook of this process takes a proof. */
let longestLifetimeMs = 0;

/**
 * Makes a policy. Every hook declares its own here, once: a use is remembered until no hook takes the proof any more, or
 * one that gives proofs more time could be shown what another has forgotten.
 */
export function registerDpopPolicy(policy: DpopPolicy): DpopPolicy {
  longestLifetimeMs = Math.max(longestLifetimeMs, getLifetimeMs(policy));
  return policy;
}

function getLifetimeMs({ maxAgeSeconds, clockToleranceSeconds }: DpopPolicy): number {
  return (maxAgeSeconds + clockToleranceSeconds) * 1000;
}

function parse(proof: string) {
  if (proof.length > MAXIMUM_JWT_CHARACTERS) throw new DpopProofError('The proof is too long.');
  try {
    return { header: decodeProtectedHeader(proof), claims: decodeJwt(proof) };
  } catch {
    throw new DpopProofError('The proof is no JWT.');
  }
}

function checkIssuedAt(iat: unknown, policy: DpopPolicy, now: number): number {
  if (typeof iat !== 'number' || !Number.isFinite(iat)) throw new DpopProofError('The proof has no iat.');
  if (Math.ceil(iat * 1000 + getLifetimeMs(policy)) <= now) throw new DpopProofError('The proof is too old (iat).');
  if (iat * 1000 > now + policy.clockToleranceSeconds * 1000) {
    throw new DpopProofError('The proof is from the future (iat).');
  }
  return Math.ceil(iat * 1000 + Math.max(getLifetimeMs(policy), longestLifetimeMs));
}

function hashToken(accessToken: string): string {
  return createHash('sha256').update(accessToken).digest('base64url');
}

async function verifySignature(proof: string, jwk: PublicJwk, algorithm: string): Promise<void> {
  try {
    await compactVerify(proof, await importJWK(jwk, algorithm), { algorithms: [algorithm] });
  } catch {
    // Key and signature both come from the client: whatever fails here is its doing.
    throw new DpopProofError('The signature of the proof is not good.');
  }
}
