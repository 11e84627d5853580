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
import { isPublicJwk } from '../shared/dpop-key.js';
import { FetchFailed } from '../shared/failure-memory.js';
import { algorithmsOf, algorithmsOfKey } from '../shared/jws-algorithms.js';
import { KeysUndecided } from '../shared/key-set.js';
import { OtherSigner, SignerNotNamed, signerIn } from '../shared/signer.js';
import { keyOfChain, PathRefused, type TrustAnchors } from '../x509/path.js';
import { type FindIn, type RemoteKeysOptions, remoteKeys } from './jwks.js';
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
export function keyFinder(source: KeySource): FindKey {
  switch (source.way) {
    case 'jwks': {
      const set = createLocalJWKSet(source.jwks);
      return decided((header, attestation, _, signal) => signer(header, attestation, signal)(set));
    }
    case 'jwksUri': {
      const find = remoteKeys(source.remote);
      return decided((header, attestation, now, signal) => find(signer(header, attestation, signal), now));
    }
    case 'trustAnchors':
      return decided(async ({ x5c }, _, now) => keyOfChain(x5c, source.anchors, now));
    case 'resolveKey':
      return async (header, attestation, _, signal) => {
        return demandPublic(known(await source.resolveKey(header, claimsOf(attestation), signal)));
      };
  }
}

/** Tried with the attestation itself: with several keys and no `kid` nothing else tells which is meant. */
function signer({ alg = '', kid }: AttestationHeader, attestation: string, signal: AbortSignal): FindIn {
  return (set) => signerIn(set, attestation, { alg, kid }, signal);
}

/** Tells what is wrong with an attestation, a refusal, from what is wrong with the keys: 503. */
function decided(find: (...asked: Parameters<FindKey>) => Promise<AttesterKey | undefined>): FindKey {
  return async (...asked) => {
    try {
      return known(await find(...asked));
    } catch (error) {
      if (error instanceof Refusal) throw error;
      if (error instanceof PathRefused) throw invalid(error.message);
      if (error instanceof SignerNotNamed) {
        throw invalid('The attestation does not name its key, and too many could be meant (kid).');
      }
      if (error instanceof OtherSigner) throw invalid('The attestation does not verify.');
      throw unavailable(error);
    }
  };
}

/** What went wrong goes to events by its code or class only. */
function unavailable(error: unknown): RelayError {
  const isLater = error instanceof KeysUndecided || error instanceof FetchFailed;
  const seconds = isLater ? error.retryAfterSeconds : 1;
  const cause = error instanceof FetchFailed ? error.cause : error;
  return new RelayError('authentication_unavailable', { cause, headers: [['Retry-After', String(seconds)]] });
}

function known<Key>(key: Key | undefined): Key {
  if (key === undefined) throw invalid('The attestation is not signed with a key of a known attester.');
  return key;
}

function claimsOf(attestation: string): AttestationClaims {
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
function demandPublic(key: AttesterKey): AttesterKey {
  if (algorithmsOfAny(key).length > 0) return key;
  throw new TypeError(
    'clientAttestation.resolveKey: must return a public key that can verify signatures, or undefined',
  );
}

/** The algorithms that a key of any form can verify; none for what is no public key. */
function algorithmsOfAny(key: unknown): readonly string[] {
  if (isPublicJwk(key)) return algorithmsOf(key);
  if (types.isKeyObject(key)) return key.type === 'public' ? algorithmsOfKey(key) : [];
  const isVerifier = types.isCryptoKey(key) && key.type === 'public' && key.usages.includes('verify');
  return isVerifier ? algorithmsOfKey(KeyObject.from(key)) : [];
}
