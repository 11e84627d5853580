import { KeyObject } from 'node:crypto';
import { types } from 'node:util';
import {
  type CryptoKey,
  createLocalJWKSet,
  decodeJwt,
  type JSONWebKeySet,
  type JWK,
  type JWSHeaderParameters,
} from 'jose';
import { RelayError } from '../../../src/relay/errors.js';
import { FetchFailed } from '../shared/backoff.js';
import { getJwkAlgorithms, getKeyAlgorithms } from '../shared/jws.js';
import { KeyLookupThrottled } from '../shared/key-set.js';
import { isPublicJwk } from '../shared/public-jwk.js';
import { findVerificationKey, KeyNotNamed, SignatureMismatch } from '../shared/verification-key.js';
import { ChainError, type TrustAnchors, verifyChain } from '../x509/chain.js';
import { createRemoteKeySet, type FindInKeySet, type RemoteKeysOptions } from './jwks.js';
import { invalid, Refusal } from './refusals.js';

/** The JOSE header of an attestation, unverified. */
export type AttestationHeader = Readonly<JWSHeaderParameters>;

/** The claims of an attestation, unverified. */
export type AttestationClaims = Readonly<Record<string, unknown>>;

/** A public key. */
export type AttesterKey = CryptoKey | KeyObject | JWK;

/**
 * Finds the key of the attester. Header and claims are not verified yet: they may only serve to choose among keys that
 * the host trusts. `undefined` refuses the attestation. Whatever it throws that is not a RelayError means that the key
 * could not be found out: 503.
 */
export type ResolveKey = (
  header: AttestationHeader,
  claims: AttestationClaims,
  signal: AbortSignal,
) => AttesterKey | undefined | Promise<AttesterKey | undefined>;

/** Where the keys of attesters come from: one of the four ways. */
export type KeySource =
  | { readonly way: 'jwks'; readonly jwks: JSONWebKeySet }
  | { readonly way: 'jwksUri'; readonly remote: RemoteKeysOptions }
  | { readonly way: 'trustAnchors'; readonly anchors: TrustAnchors }
  | { readonly way: 'resolveKey'; readonly resolveKey: ResolveKey };

/**
 * Finds the key for an attestation at the time `now` (Unix time in ms). Throws a refusal if there is none, and
 * `authentication_unavailable` if that could not be found out.
 */
export type FindKey = (
  header: AttestationHeader,
  attestation: string,
  now: number,
  signal: AbortSignal,
) => Promise<AttesterKey>;

/** Makes the function that finds keys. */
export function createKeyFinder(source: KeySource): FindKey {
  switch (source.way) {
    case 'jwks': {
      const set = createLocalJWKSet(source.jwks);
      return translateErrors((header, attestation, _, signal) => findSigner(header, attestation, signal)(set));
    }
    case 'jwksUri': {
      const find = createRemoteKeySet(source.remote);
      return translateErrors((header, attestation, now, signal) => find(findSigner(header, attestation, signal), now));
    }
    case 'trustAnchors':
      return translateErrors(async ({ x5c }, _, now) => verifyChain(x5c, source.anchors, now));
    case 'resolveKey':
      return async (header, attestation, _, signal) => {
        return assertPublicKey(assertFound(await source.resolveKey(header, decodeClaims(attestation), signal)));
      };
  }
}

/** Tried with the attestation itself: with several keys and no `kid` nothing else tells which is meant. */
function findSigner({ alg = '', kid }: AttestationHeader, attestation: string, signal: AbortSignal): FindInKeySet {
  return (set) => findVerificationKey(set, attestation, { alg, kid }, signal);
}

/** Tells what is wrong with an attestation, a refusal, from what is wrong with the keys: 503. */
function translateErrors(find: (...asked: Parameters<FindKey>) => Promise<AttesterKey | undefined>): FindKey {
  return async (...asked) => {
    try {
      return assertFound(await find(...asked));
    } catch (error) {
      if (error instanceof Refusal) throw error;
      if (error instanceof ChainError) throw invalid(error.message);
      if (error instanceof KeyNotNamed) {
        throw invalid('The attestation does not name its key, and too many could be meant (kid).');
      }
      if (error instanceof SignatureMismatch) throw invalid('The attestation does not verify.');
      throw toUnavailable(error);
    }
  };
}

/** What went wrong goes to events by its code or class only. */
function toUnavailable(error: unknown): RelayError {
  const isLater = error instanceof KeyLookupThrottled || error instanceof FetchFailed;
  const seconds = isLater ? error.retryAfterSeconds : 1;
  const cause = error instanceof FetchFailed ? error.cause : error;
  return new RelayError('authentication_unavailable', { cause, headers: [['Retry-After', String(seconds)]] });
}

function assertFound<Key>(key: Key | undefined): Key {
  if (key === undefined) throw invalid('The attestation is not signed with a key of a known attester.');
  return key;
}

function decodeClaims(attestation: string): AttestationClaims {
  try {
    return decodeJwt(attestation);
  } catch {
    throw invalid('The attestation is not a JWT.');
  }
}

/**
 * A mistake of the host, not of the client: thrown as what it is, and so a 503. A good key that the attestation is not
 * signed for is no mistake: its signature will not verify.
 */
function assertPublicKey(key: AttesterKey): AttesterKey {
  if (getAlgorithms(key).length > 0) return key;
  throw new TypeError(
    'clientAttestation.resolveKey: must return a public key that can verify signatures, or undefined',
  );
}

/** The algorithms that a key of any form can verify; none for what is no public key. */
function getAlgorithms(key: unknown): readonly string[] {
  if (isPublicJwk(key)) return getJwkAlgorithms(key);
  if (types.isKeyObject(key)) return key.type === 'public' ? getKeyAlgorithms(key) : [];
  const isVerifier = types.isCryptoKey(key) && key.type === 'public' && key.usages.includes('verify');
  return isVerifier ? getKeyAlgorithms(KeyObject.from(key)) : [];
}
