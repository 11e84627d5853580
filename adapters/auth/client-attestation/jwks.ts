import type { CryptoKey, JWTVerifyGetKey } from 'jose';
import { createBoundedFetch } from '../shared/bounded-fetch.js';
import { createKeySetCache, fetchKeySet, type KeySetTimes } from '../shared/key-set.js';

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
export interface RemoteKeysOptions extends KeySetTimes {
  readonly url: string;
  readonly fetch: Fetch;
  readonly timeoutMs: number;
}

/** Finds in a key set; `undefined` if a newer set may have it. */
export type FindInKeySet = (set: JWTVerifyGetKey) => Promise<CryptoKey | undefined>;

/**
 * Finds in the set at a URL, at the time `now` (Unix time in ms). Nothing is fetched before it is needed, and a key
 * that is not known is looked for in a newer set. Throws `KeysUndecided` if the set was asked for too often of late to
 * say that there is no such key, `OtherSigner` for a signature of another key, and `FetchFailed` if it cannot be fetched.
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
