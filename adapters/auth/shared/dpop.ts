import { createHash } from 'node:crypto';
import type { AuthenticationInput } from '../../../src/relay/auth/contract.js';
import { jose } from '../../shared/jose.js';
import { MAXIMUM_JWT_CHARACTERS } from './jws.js';
import { isCanonicalJwk, type PublicJwk } from './public-jwk.js';
import { consumeProof } from './replay.js';

/*
 * Verification of DPoP proofs (RFC 9449 §4.3). This file knows neither tokens nor hooks: it compares a proof with one
 * request and returns the proven facts. The replay check is a separate, last step, so that a proof that is rejected for
 * another reason is not consumed.
 */

/** The request that a proof must match. */
export interface DpopRequest {
  readonly method: string;
  /** The URL of the request. Query and fragment are ignored. */
  readonly url: string;
  /** The access token of the request. The proof must carry its hash (`ath`). Default: the proof needs no `ath`. */
  readonly accessToken?: string | undefined;
}

/** Requirements for proofs. */
export interface DpopPolicy {
  /** JWS algorithms with a public key. */
  readonly algorithms: readonly string[];
  /** Seconds after its `iat` for which a proof is valid. */
  readonly maxAgeSeconds: number;
  /** Accepted difference in seconds to the clock of a client. */
  readonly clockToleranceSeconds: number;
}

/** A verified proof. */
export interface DpopProof {
  /** RFC 7638 SHA-256 thumbprint of the key that signed the proof: `jkt`. */
  readonly thumbprint: string;
  readonly jti: string;
  /** Not verified yet. */
  readonly nonce: string | undefined;
  /** Unix time in ms at which the proof is too old for every hook of this process. */
  readonly expiresAt: number;
}

/** The proof is invalid. The message is a fixed sentence that may be used as an `error_description`. */
export class DpopProofError extends Error {
  override readonly name = 'DpopProofError';
  readonly code = 'invalid_dpop_proof';
}

/** Default JWS algorithms of proofs. */
export const DPOP_ALGORITHMS = ['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519', 'PS256', 'RS256'] as const;

/** The purpose of the relay's nonces (RFC 9449 §8). All hooks that verify a proof accept the same nonce. */
export const DPOP_NONCE = 'dpop nonce';

/** Maximum length of `jti`. A UUID has 36 characters. */
const MAXIMUM_JTI_CHARACTERS = 256;

/**
 * Verifies the value of a `DPoP` header against a request (RFC 9449 §4.3). The caller must check the nonce, the binding
 * to the token, and replay. `now` is Unix time in ms. Throws {@link DpopProofError}.
 */
export async function verifyDpopProof(
  proof: string,
  request: DpopRequest,
  policy: DpopPolicy,
  now: number,
): Promise<DpopProof> {
  const { header, claims } = parseProof(proof);
  if (header.typ !== 'dpop+jwt') throw new DpopProofError('The typ of the proof is not dpop+jwt.');
  if (typeof header.alg !== 'string' || !policy.algorithms.includes(header.alg)) {
    throw new DpopProofError('The algorithm of the proof is not accepted.');
  }
  if (header.crit !== undefined) throw new DpopProofError('The proof requires an unsupported extension (crit).');
  const { jwk } = header;
  if (!isCanonicalJwk(jwk)) throw new DpopProofError('The proof has no supported public key (jwk).');
  const { jti, htm, htu, iat, ath, nonce } = claims;
  if (typeof jti !== 'string' || jti === '' || jti.length > MAXIMUM_JTI_CHARACTERS) {
    throw new DpopProofError('The jti of the proof is missing or too long.');
  }
  if (htm !== request.method) throw new DpopProofError('The proof is for another method (htm).');
  if (typeof htu !== 'string' || !isSameTarget(htu, request.url)) {
    throw new DpopProofError('The proof is for another URL (htu).');
  }
  const expiresAt = checkIssuedAt(iat, policy, now);
  if (request.accessToken !== undefined && ath !== hashToken(request.accessToken)) {
    throw new DpopProofError('The proof is for another access token (ath).');
  }
  if (nonce !== undefined && typeof nonce !== 'string') {
    throw new DpopProofError('The nonce of the proof is not a string.');
  }
  await verifySignature(proof, jwk, header.alg);
  return { thumbprint: await jose.module.calculateJwkThumbprint(jwk), jti, nonce, expiresAt };
}

/**
 * Records the use of a proof (RFC 9449 §11.1), for all processes and hooks. Returns false if another request used the
 * proof. Throws `store_unavailable` if the store does not respond.
 */
export function consumeDpopProof(input: AuthenticationInput, proof: DpopProof): Promise<boolean> {
  return consumeProof(input, 'dpop', `${proof.thumbprint} ${proof.jti}`, proof.expiresAt);
}

/** The longest time in ms for which any hook of this process accepts a proof. */
let longestLifetimeMs = 0;

/**
 * Registers the policy of a hook. The relay remembers a use until no hook of this process accepts the proof. Otherwise
 * a hook with a longer lifetime would accept a proof that a hook with a shorter one has forgotten.
 */
export function registerDpopPolicy(policy: DpopPolicy): DpopPolicy {
  longestLifetimeMs = Math.max(longestLifetimeMs, getLifetimeMs(policy));
  return policy;
}

function getLifetimeMs({ maxAgeSeconds, clockToleranceSeconds }: DpopPolicy): number {
  return (maxAgeSeconds + clockToleranceSeconds) * 1000;
}

function parseProof(proof: string) {
  if (proof.length > MAXIMUM_JWT_CHARACTERS) throw new DpopProofError('The proof is too long.');
  const { decodeJwt, decodeProtectedHeader } = jose.module;
  try {
    return { header: decodeProtectedHeader(proof), claims: decodeJwt(proof) };
  } catch {
    throw new DpopProofError('The proof is not a JWT.');
  }
}

/** Returns the Unix time in ms at which every hook of this process rejects the proof. */
function checkIssuedAt(iat: unknown, policy: DpopPolicy, now: number): number {
  if (typeof iat !== 'number' || !Number.isFinite(iat)) throw new DpopProofError('The proof has no iat.');
  if (Math.ceil(iat * 1000 + getLifetimeMs(policy)) <= now) throw new DpopProofError('The proof is too old (iat).');
  if (iat * 1000 > now + policy.clockToleranceSeconds * 1000) {
    throw new DpopProofError('The proof is dated in the future (iat).');
  }
  return Math.ceil(iat * 1000 + Math.max(getLifetimeMs(policy), longestLifetimeMs));
}

/**
 * True if `htu` names the URL of the request, without query and fragment, after the normalisation of RFC 3986 §6.2.2
 * and §6.2.3: case of scheme, host and escapes, default port, dot segments, unnecessary escapes. The case of the mailbox
 * identifier does not matter either (RFC 4122 §3).
 */
function isSameTarget(htu: string, url: string): boolean {
  return htu === url || (URL.canParse(htu) && normalizeUrl(htu) === normalizeUrl(url));
}

function normalizeUrl(text: string): string {
  const url = new URL(text);
  url.search = '';
  url.hash = '';
  const decoded = url.href.replace(/%[0-9A-Fa-f]{2}/g, (octet) => {
    const character = String.fromCharCode(Number.parseInt(octet.slice(1), 16));
    return /[A-Za-z0-9._~-]/.test(character) ? character : octet.toUpperCase();
  });
  return decoded.replace(/\/[0-9a-f-]{36}$/i, (identifier) => identifier.toLowerCase());
}

function hashToken(accessToken: string): string {
  return createHash('sha256').update(accessToken).digest('base64url');
}

async function verifySignature(proof: string, jwk: PublicJwk, algorithm: string): Promise<void> {
  const { compactVerify, importJWK } = jose.module;
  try {
    await compactVerify(proof, await importJWK(jwk, algorithm), { algorithms: [algorithm] });
  } catch {
    // Key and signature both come from the client, so each failure is a fault of the client.
    throw new DpopProofError('The signature of the proof is invalid.');
  }
}
