import type { KeyObject } from 'node:crypto';
import {
  type CryptoKey,
  createLocalJWKSet,
  decodeJwt,
  type JSONWebKeySet,
  type JWK,
  type JWSHeaderParameters,
} from 'jose';
import { type Jws, keyIn, type RemoteKeysOptions, remoteKeys } from './client-attestation-jwks.js';
import { invalid } from './client-attestation-refusals.js';
import { keyOfChain, type TrustAnchors } from './client-attestation-x5c.js';

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

/** Finds the key for an attestation at the time `now` (Unix time in ms). Throws a refusal if there is none. */
export type FindKey = (jws: Jws, attestation: string, now: number, signal: AbortSignal) => Promise<AttesterKey>;

/** Makes the function that finds keys. */
export function keyFinder(source: KeySource): FindKey {
  switch (source.way) {
    case 'jwks': {
      const set = createLocalJWKSet(source.jwks);
      return async (jws) => known(await keyIn(set, jws));
    }
    case 'jwksUri': {
      const pick = remoteKeys(source.remote);
      return async (jws, _, now) => known(await pick(jws, now));
    }
    case 'trustAnchors':
      return async ([header], _, now) => keyOfChain(header.x5c, source.anchors, now);
    case 'resolveKey':
      return async ([header], attestation, _, signal) => {
        return demandPublic(known(await source.resolveKey(header, claimsOf(attestation), signal)));
      };
  }
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

/** A mistake of the host, not of the client: thrown as what it is, and so a 503. */
function demandPublic(key: AttesterKey): AttesterKey {
  const isObject = typeof key === 'object' && key !== null;
  if (isObject && ('kty' in key ? !('d' in key || 'k' in key) : 'type' in key && key.type === 'public')) return key;
  throw new TypeError('clientAttestation.resolveKey: must return a public key, or undefined');
}
