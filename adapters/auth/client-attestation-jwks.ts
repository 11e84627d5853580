import { type CryptoKey, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import { RelayError } from '../../src/errors.js';
import { invalid } from './client-attestation-refusals.js';
import { fetchKeySet, KeysUndecided, type KeyTimes, keySource } from './oauth-bearer-keys.js';

/*
 * Keys of attesters at a URL (draft §10.8). What does not answer is kept apart from what is refused: an attester that
 * is out of reach says nothing about an attestation.
 */

/** Fetches a key set: the global `fetch`, or one with a certificate authority or a proxy of the host's own. */
export type Fetch = (url: string, init: FetchInit) => Promise<Response>;

/** What a {@link Fetch} is told. */
export interface FetchInit {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly redirect: 'manual';
  readonly signal: AbortSignal;
}

/** How a key set at a URL is fetched and kept. */
export interface RemoteKeysOptions extends KeyTimes {
  readonly url: string;
  readonly fetch: Fetch;
  readonly timeoutMs: number;
}

/** A JWS of which only the header was read, as jose hands it to those who pick a key. */
export type Jws = Parameters<JWTVerifyGetKey>;

/** Picks the key of a set for a JWS. `undefined` if none fits its `alg` and `kid`; a refusal if several do. */
export async function keyIn(set: JWTVerifyGetKey, jws: Jws): Promise<CryptoKey | undefined> {
  try {
    return (await set(...jws)) as CryptoKey;
  } catch (error) {
    if (error instanceof errors.JWKSNoMatchingKey) return undefined;
    throw invalid('The attester has no single usable key for this attestation (alg, kid).');
  }
}

/**
 * Picks from the set at a URL, at the time `now` (Unix time in ms). Nothing is fetched before it is needed, and a key
 * that is not known is looked for in a newer set. Throws `authentication_unavailable` if no key set can be had, or if
 * it was asked for too often of late to say that there is no such key.
 */
export function remoteKeys(options: RemoteKeysOptions): (jws: Jws, now: number) => Promise<CryptoKey | undefined> {
  const { url, fetch, timeoutMs } = options;
  const load = (): Promise<JSONWebKeySet> =>
    fetchKeySet(
      url,
      (address, { method, headers, redirect, signal = AbortSignal.timeout(timeoutMs) }) =>
        fetch(address, { method, headers, redirect, signal }),
      timeoutMs,
    ).catch(unavailable);
  const keys = keySource<CryptoKey>(load, options);
  return (jws, now) =>
    keys
      .find((set) => keyIn(set, jws), now)
      .catch((error: unknown) => (error instanceof KeysUndecided ? unavailable(error) : Promise.reject(error)));
}

/** What went wrong goes to events by its code or class only. */
function unavailable(cause: unknown): never {
  const seconds = cause instanceof KeysUndecided ? cause.retryAfterSeconds : 1;
  throw new RelayError('authentication_unavailable', { cause, headers: [['Retry-After', String(seconds)]] });
}
