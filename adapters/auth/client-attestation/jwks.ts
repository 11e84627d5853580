import type { CryptoKey, JWTVerifyGetKey } from 'jose';
import { createBoundedFetch } from '../shared/bounded-fetch.js';
import { createKeySetCache, fetchKeySet, type KeySetTimes } from '../shared/key-set.js';

/*
 * Keys of attesters at a URL (draft §10.8). An unreachable attester causes a 503, since its outage proves nothing about
 * an attestation.
 */

/** Fetches a key set: the global `fetch`, or your own function, such as one with a proxy. */
export type Fetch = (url: string, init: FetchInit) => Promise<Response>;

/** The request that a {@link Fetch} must send. */
export interface FetchInit {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly redirect: 'manual';
  /** Aborts after `timeoutMs`. */
  readonly signal: AbortSignal;
}

export interface RemoteKeysOptions extends KeySetTimes {
  readonly url: string;
  readonly fetch: Fetch;
  readonly timeoutMs: number;
}

/** Finds a key in a set. Returns `undefined` if a newer set may have the key. */
export type FindInKeySet = (set: JWTVerifyGetKey) => Promise<CryptoKey | undefined>;

/**
 * Returns a function that finds a key in the set at a URL, at the time `now` (Unix time in ms). The first search
 * fetches the set, and a search for an unknown key fetches a newer set. The function throws `KeyLookupThrottled` if the
 * set was fetched too often recently, `SignatureMismatch` for a signature by another key, and `FetchFailed` if a fetch
 * fails.
 */
export function createRemoteKeySet(
  options: RemoteKeysOptions,
): (find: FindInKeySet, now: number) => Promise<CryptoKey | undefined> {
  const { url, fetch, timeoutMs } = options;
  const bounded = createBoundedFetch(
    (address, { method, headers, redirect, signal = AbortSignal.timeout(timeoutMs) }) =>
      fetch(address, { method, headers, redirect, signal }),
    timeoutMs,
  );
  return createKeySetCache<CryptoKey>(() => fetchKeySet(url, bounded), options).find;
}
