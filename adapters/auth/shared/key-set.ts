import { hash } from 'node:crypto';
import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import type { CustomFetch } from 'openid-client';
import { type CacheTimes, createFetchCache } from './fetch-cache.js';
import { SignatureMismatch } from './verification-key.js';

/*
 * The key set of an issuer, kept in this process. What jose's own remote set does not do: a new key is found at once
 * although the set was fetched a moment ago, made-up key identifiers and signatures cause only so many fetches, and a
 * set can outlive a failing server. Whoever asks gets a key, or learns that there is none, or that it could not be found
 * out: only the second is a ground to refuse a token.
 */

/** Times in ms. */
export interface KeySetTimes extends CacheTimes {
  /**
   * Time in which one more fetch for an unknown key is allowed, after a reserve of {@link BUCKET_CAPACITY}; and age of a set from
   * which it is fetched anew because a key in it did not make a signature.
   */
  readonly cooldownMs: number;
}

/** Keys that verify signatures. */
export interface KeySetCache<Key> {
  /**
   * What `find` finds in the newest key set that is needed for it. `find` is called again with a newer set when it
   * returned `undefined`, or threw {@link SignatureMismatch} and the set is older than `cooldownMs`: an issuer may have put a
   * new key under an old name. Returns `undefined`, or throws {@link SignatureMismatch}, if a set asked for after this call says
   * the same. Throws {@link KeyLookupThrottled} if that could not be found out, and `FetchFailed` if the set could not be
   * fetched. `now` is Unix time in ms.
   */
  find(find: (set: JWTVerifyGetKey) => Promise<Key | undefined>, now: number): Promise<Key | undefined>;
}

/** A key is unknown, and the key set may not be fetched again yet. */
export class KeyLookupThrottled extends Error {
  override readonly name = 'KeysUndecided';
  readonly code = 'key_unknown';

  constructor(readonly retryAfterSeconds: number) {
    super('The key is unknown, and the key set was fetched only a moment ago.');
  }
}

/** Fetches for unknown keys that are allowed in a row: several rotations, or strangers before one. */
export const BUCKET_CAPACITY = 3;

/** Makes a key source of a function that loads the key set. Nothing is loaded before the first question. */
export function createKeySetCache<Key>(
  load: (now: number) => Promise<JSONWebKeySet>,
  times: KeySetTimes,
): KeySetCache<Key> {
  const reserve = createTokenBucket(BUCKET_CAPACITY, times.cooldownMs);
  let known: { readonly digest: string; readonly keys: JWTVerifyGetKey } | undefined;
  const sets = createFetchCache(async (now) => {
    const set = await load(now);
    const digest = hash('sha256', JSON.stringify(set), 'base64url');
    // The same set stays the same object: what was verified with it need not be verified again.
    if (digest !== known?.digest) known = { digest, keys: createLocalJWKSet(set) };
    return known.keys;
  }, times);

  return {
    async find(find, now) {
      const before = sets.startedFetches();
      let set = await sets.get(now);
      for (;;) {
        const found = await find(set.value).catch(toSignatureMismatch);
        const isOther = found instanceof SignatureMismatch;
        if (found !== undefined && !isOther) return found;
        // A set that is this young says that the signature is bad. So bad signatures cause one fetch in this time.
        const isSettled = set.fetch > before || (isOther && Math.abs(now - set.at) < times.cooldownMs);
        if (isSettled && isOther) throw found;
        if (isSettled) return undefined;
        const newer = sets.getNewerThan(set);
        if (newer === undefined && !isOther && sets.canStart(now)) {
          const waitMs = reserve.take(now);
          if (waitMs > 0) throw new KeyLookupThrottled(Math.ceil(waitMs / 1000));
        }
        set = newer ?? (await sets.refresh(now));
      }
    },
  };
}

function toSignatureMismatch(error: unknown): SignatureMismatch {
  if (error instanceof SignatureMismatch) return error;
  throw error;
}

/** `take` returns 0 and takes one if there is one, else the ms until there will be. */
function createTokenBucket(capacity: number, msForOne: number): { take(now: number): number } {
  let level = capacity;
  let at = Number.NEGATIVE_INFINITY;
  return {
    take(now) {
      level = Math.min(capacity, level + Math.max(0, now - at) / msForOne);
      at = now;
      if (level < 1) return Math.max(1, (1 - level) * msForOne);
      level -= 1;
      return 0;
    },
  };
}

/** Keys of a set that is fetched: issuers have a few. */
export const MAXIMUM_KEYS = 100;

/**
 * Fetches a JWK Set (RFC 7517 §5). Rejects for any status but 200, for what is no key set, for an empty one, which no
 * issuer of signed tokens has, and for one of more than {@link MAXIMUM_KEYS}. `fetch` must be bounded in time and size.
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
  // Before all else is done with each of them.
  if (Array.isArray(set?.keys) && set.keys.length > MAXIMUM_KEYS) throw new KeySetError('key_set_too_large');
  createLocalJWKSet(set);
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
