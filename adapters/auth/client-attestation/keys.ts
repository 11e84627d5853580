import { KeyObject } from 'node:crypto';
import { types } from 'node:util';
import type { CryptoKey, JSONWebKeySet, JWK, JWSHeaderParameters, JWTVerifyGetKey } from 'jose';
import { RelayError } from '../../../src/relay/errors.js';
import { jose } from '../../shared/jose.js';
import { FetchFailed } from '../shared/backoff.js';
import { getJwkAlgorithms, getKeyAlgorithms } from '../shared/jws.js';
import { KeyLookupThrottled } from '../shared/key-set.js';
import { isPublicJwk } from '../shared/public-jwk.js';
import { findVerificationKey, KeyNotNamed, SignatureMismatch } from '../shared/verification-key.js';
import { ChainError, type TrustAnchors, verifyChain } from '../x509/chain.js';
import { createRemoteKeySet, type FindInKeySet, type RemoteKeysOptions } from './jwks.js';
import { invalid, Refusal } from './refusals.js';

/** The JOSE header of an attestation, not verified. */
export type AttestationHeader = Readonly<JWSHeaderParameters>;

/** The claims of an attestation, not verified. */
export type AttestationClaims = Readonly<Record<string, unknown>>;

/** A public key. */
export type AttesterKey = CryptoKey | KeyObject | JWK;

/**
 * Finds the key of the attester. Header and claims are not verified yet: use them only to choose among keys that you
 * trust. Return `undefined` to reject the attestation. A thrown `RelayError` becomes the response, and any other error
 * becomes a 503, since the key is unknown then.
 *
 * @param header - The JOSE header.
 * @param claims - The claims.
 * @param signal - Aborts when the relay stops waiting for the hook.
 */
export type ResolveKey = (
  header: AttestationHeader,
  claims: AttestationClaims,
  signal: AbortSignal,
) => AttesterKey | undefined | Promise<AttesterKey | undefined>;

/** The source of the attesters' keys. */
export type KeySource =
  | { readonly kind: 'jwks'; readonly jwks: JSONWebKeySet }
  | { readonly kind: 'jwksUri'; readonly remote: RemoteKeysOptions }
  | { readonly kind: 'trustAnchors'; readonly anchors: TrustAnchors }
  | { readonly kind: 'resolveKey'; readonly resolveKey: ResolveKey };

/**
 * Finds the key for an attestation at the time `now` (Unix time in ms). Throws a {@link Refusal} if there is no such
 * key, and `authentication_unavailable` if the search failed.
 */
export type FindKey = (
  header: AttestationHeader,
  attestation: string,
  now: number,
  signal: AbortSignal,
) => Promise<AttesterKey>;

export function createKeyFinder(source: KeySource): FindKey {
  switch (source.kind) {
    case 'jwks': {
      let set: JWTVerifyGetKey | undefined;
      return translateErrors((header, attestation, _, signal) => {
        set ??= jose.module.createLocalJWKSet(source.jwks);
        return findSigner(header, attestation, signal)(set);
      });
    }
    case 'jwksUri': {
      const find = createRemoteKeySet(source.remote);
      return translateErrors((header, attestation, now, signal) => find(findSigner(header, attestation, signal), now));
    }
    case 'trustAnchors':
      return translateErrors(async ({ x5c }, _, now) => verifyChain(x5c, source.anchors, now));
    case 'resolveKey':
      return async (header, attestation, _, signal) => {
        const key = await source.resolveKey(header, decodeClaims(attestation), signal);
        return assertPublicKey(assertFound(key));
      };
  }
}

/** Verifies the signature with each candidate: without a `kid`, only the signature shows which key is meant. */
function findSigner({ alg = '', kid }: AttestationHeader, attestation: string, signal: AbortSignal): FindInKeySet {
  return (set) => findVerificationKey(set, attestation, { alg, kid }, signal);
}

/** Separates faults of the attestation (401) from faults of the keys (503). */
function translateErrors(find: (...search: Parameters<FindKey>) => Promise<AttesterKey | undefined>): FindKey {
  return async (...search) => {
    try {
      return assertFound(await find(...search));
    } catch (error) {
      if (error instanceof Refusal) throw error;
      if (error instanceof ChainError) throw invalid(error.message);
      if (error instanceof KeyNotNamed) {
        throw invalid('The attestation does not name its key, and too many keys are possible (kid).');
      }
      if (error instanceof SignatureMismatch) throw invalid('The signature of the attestation is invalid.');
      throw toUnavailable(error);
    }
  };
}

/** Events receive only the code or the class of the cause. */
function toUnavailable(error: unknown): RelayError {
  const isTemporary = error instanceof KeyLookupThrottled || error instanceof FetchFailed;
  const seconds = isTemporary ? error.retryAfterSeconds : 1;
  const cause = error instanceof FetchFailed ? error.cause : error;
  return new RelayError('authentication_unavailable', { cause, headers: [['Retry-After', String(seconds)]] });
}

function assertFound<Key>(key: Key | undefined): Key {
  if (key === undefined) throw invalid('The attestation is not signed by a known attester.');
  return key;
}

function decodeClaims(attestation: string): AttestationClaims {
  const { decodeJwt } = jose.module;
  try {
    return decodeJwt(attestation);
  } catch {
    throw invalid('The attestation is not a JWT.');
  }
}

/**
 * An unusable key is a fault of the host, so the TypeError becomes a 503. A usable key that did not sign the
 * attestation is no fault of the host: the verification of the signature rejects the attestation.
 */
function assertPublicKey(key: AttesterKey): AttesterKey {
  if (getAlgorithms(key).length > 0) return key;
  throw new TypeError(
    'clientAttestation.resolveKey: must return a public key that can verify signatures, or undefined',
  );
}

/** The algorithms that a key of any form can verify. The list is empty for any other value. */
function getAlgorithms(key: unknown): readonly string[] {
  if (isPublicJwk(key)) return getJwkAlgorithms(key);
  if (types.isKeyObject(key)) return key.type === 'public' ? getKeyAlgorithms(key) : [];
  const isVerifier = types.isCryptoKey(key) && key.type === 'public' && key.usages.includes('verify');
  return isVerifier ? getKeyAlgorithms(KeyObject.from(key)) : [];
}
