import type { JSONWebKeySet, JWTVerifyGetKey } from 'jose';
import type { CustomFetch } from 'openid-client';
import { hash } from '../../../src/relay/hash.js';
import { jose } from '../../shared/jose.js';
import { type CacheTimes, createFetchCache } from './fetch-cache.js';
import { SignatureMismatch } from './verification-key.js';

/*
 * The key set of an issuer, cached in this process. The remote set of jose lacks three properties: a search finds a new
 * key at once, even shortly after a fetch; made-up key identifiers and signatures cause a limited number of fetches;
 * and an old set remains usable during an outage. A search has three results: a key, no key, or "unknown". Only "no
 * key" is a reason to reject a token.
 */

/** Times in ms. */
export interface KeySetTimes extends CacheTimes {
  /**
   * Time per fetch for unknown keys, after a burst of {@link BUCKET_CAPACITY}. Also the minimum age of a set before a
   * bad signature causes a fetch.
   */
  readonly cooldownMs: number;
}

export interface KeySetCache<Key> {
  /**
   * Returns the result of `find` for a set that is new enough. Calls `find` again with a newer set if `find` returns
   * `undefined`, or if it throws {@link SignatureMismatch} and the set is older than `cooldownMs`: an issuer may have
   * published a new key under an old `kid`. Returns `undefined` or throws {@link SignatureMismatch} only for a set
   * whose fetch started after this call, or for a young set. Throws {@link KeyLookupThrottled} if the key remains
   * unknown, and `FetchFailed` if a fetch fails. `now` is Unix time in ms.
   */
  find(find: (set: JWTVerifyGetKey) => Promise<Key | undefined>, now: number): Promise<Key | undefined>;
}

/** A key is unknown, and the rate limit forbids another fetch of the key set. */
export class KeyLookupThrottled extends Error {
  override readonly name = 'KeyLookupThrottled';
  readonly code = 'key_unknown';

  constructor(readonly retryAfterSeconds: number) {
    super('The key is unknown, and the key set was fetched recently.');
  }
}

/** Fetches for unknown keys in a row: enough for several rotations, or for some made-up keys before a rotation. */
export const BUCKET_CAPACITY = 3;

/** Caches the key set that `load` fetches. The first search starts the first fetch. */
export function createKeySetCache<Key>(
  load: (now: number) => Promise<JSONWebKeySet>,
  times: KeySetTimes,
): KeySetCache<Key> {
  const bucket = createTokenBucket(BUCKET_CAPACITY, times.cooldownMs);
  let latest: { readonly digest: string; readonly keys: JWTVerifyGetKey } | undefined;
  const sets = createFetchCache(async (now) => {
    const set = await load(now);
    const digest = hash('sha256', JSON.stringify(set), 'base64url');
    // An unchanged set remains the same object, so that results verified with it stay valid.
    if (digest !== latest?.digest) latest = { digest, keys: jose.module.createLocalJWKSet(set) };
    return latest.keys;
  }, times);

  return {
    async find(find, now) {
      const startedBefore = sets.startedFetches();
      let set = await sets.get(now);
      for (;;) {
        const found = await find(set.value).catch(toSignatureMismatch);
        const isMismatch = found instanceof SignatureMismatch;
        if (found !== undefined && !isMismatch) return found;
        // A young set settles that the signature is bad. So bad signatures cause one fetch per cooldown.
        const isSettled = set.fetch > startedBefore || (isMismatch && Math.abs(now - set.at) < times.cooldownMs);
        if (isSettled && isMismatch) throw found;
        if (isSettled) return undefined;
        const newer = sets.getNewerThan(set);
        if (newer === undefined && !isMismatch && sets.canStart(now)) {
          const waitMs = bucket.take(now);
          if (waitMs > 0) throw new KeyLookupThrottled(Math.ceil(waitMs / 1000));
        }
        set = newer ?? (await sets.refresh(now));
      }
    },
  };
}

/** Turns the rejection into a result. Throws any other error. */
function toSignatureMismatch(error: unknown): SignatureMismatch {
  if (error instanceof SignatureMismatch) return error;
  throw error;
}

/** `take` removes a token and returns 0, or returns the ms until the next token. */
function createTokenBucket(capacity: number, msPerToken: number): { take(now: number): number } {
  let level = capacity;
  let at = Number.NEGATIVE_INFINITY;
  return {
    take(now) {
      level = Math.min(capacity, level + Math.max(0, now - at) / msPerToken);
      at = now;
      if (level < 1) return Math.max(1, (1 - level) * msPerToken);
      level -= 1;
      return 0;
    },
  };
}

/** Maximum number of keys in a fetched set. Issuers publish a few. */
export const MAXIMUM_KEYS = 100;

/**
 * Fetches a JWK Set (RFC 7517 §5). Rejects for a status other than 200, for a malformed or empty set, and for a set of
 * more than {@link MAXIMUM_KEYS}. An issuer of signed tokens has at least one key. `fetch` must have limits of time and
 * size.
 */
export async function fetchKeySet(url: string, fetch: CustomFetch): Promise<JSONWebKeySet> {
  const response = await fetch(url, {
    method: 'GET',
    headers: { accept: 'application/json, application/jwk-set+json' },
    redirect: 'manual',
    body: undefined,
  });
  if (response.status !== 200) throw new KeySetError('key_set_status', response);
  const set = (await response.json()) as JSONWebKeySet;
  // This check comes first, since the work of the other checks grows with the number of keys.
  if (Array.isArray(set?.keys) && set.keys.length > MAXIMUM_KEYS) throw new KeySetError('key_set_too_large');
  jose.module.createLocalJWKSet(set);
  if (set.keys.length === 0) throw new KeySetError('key_set_empty');
  return set;
}

class KeySetError extends Error {
  override readonly name = 'KeySetError';
  readonly status: number | undefined;

  constructor(
    readonly code: 'key_set_status' | 'key_set_empty' | 'key_set_too_large',
    response?: Response,
  ) {
    super('The key set could not be fetched.', { cause: response });
    this.status = response?.status;
  }
}
