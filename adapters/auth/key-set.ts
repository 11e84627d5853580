import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import type { CustomFetch } from 'openid-client';

/*
 * The key set of an issuer, kept in this process. What jose's own remote set does not do: a new key is found at once
 * although the set was fetched a moment ago, made-up key identifiers cause only so many fetches, and a set can outlive
 * a failing server. Whoever asks gets a key, or learns that there is none, or that it could not be found out: only the
 * second is a ground to refuse a token.
 */

/** Times in ms. */
export interface KeyTimes {
  /** A set older than this is fetched anew before it is used. */
  readonly maxAgeMs: number;
  /** Time in which one more fetch for an unknown key is allowed, after a reserve of {@link RESERVE}. */
  readonly cooldownMs: number;
  /** Time beyond `maxAgeMs` for which a set serves on while fetching fails. */
  readonly staleMs: number;
}

/** Keys that verify signatures. */
export interface KeySource<Key> {
  /**
   * What `find` finds in the newest key set that is needed for it. `find` is called again with a newer set when it
   * returned `undefined`. Returns `undefined` if a set asked for after this call has no such key either. Throws
   * {@link KeysUndecided} if that could not be found out, and whatever `load` throws. `now` is Unix time in ms.
   */
  find(find: (set: JWTVerifyGetKey) => Promise<Key | undefined>, now: number): Promise<Key | undefined>;
}

/** A key is unknown, and the key set may not be fetched again yet. */
export class KeysUndecided extends Error {
  override readonly name = 'KeysUndecided';
  readonly code = 'key_unknown';

  constructor(readonly retryAfterSeconds: number) {
    super('The key is unknown, and the key set was fetched only a moment ago.');
  }
}

/** Fetches for unknown keys that are allowed in a row: several rotations, or strangers before one. */
export const RESERVE = 3;

/** Time in ms for which an old set is used without another try, once fetching has failed. */
const PAUSE_MS = 5000;

interface FetchedSet {
  readonly keys: JWTVerifyGetKey;
  /** Number of the fetch that brought it. A set whose fetch began after a question settles that question. */
  readonly fetch: number;
  readonly at: number;
}

/** Makes a key source of a function that loads the key set. Nothing is loaded before the first question. */
export function keySource<Key>(load: () => Promise<JSONWebKeySet>, times: KeyTimes): KeySource<Key> {
  const reserve = tokenBucket(RESERVE, times.cooldownMs);
  let current: FetchedSet | undefined;
  let pending: Promise<FetchedSet> | undefined;
  let begun = 0;
  let failedAt: number | undefined;

  function fetchSet(now: number): Promise<FetchedSet> {
    begun += 1;
    const fetch = begun;
    const loading = load()
      .then((set) => {
        current = { keys: createLocalJWKSet(set), fetch, at: now };
        failedAt = undefined;
        return current;
      })
      .catch((error) => {
        failedAt = now;
        throw error;
      })
      .finally(() => {
        pending = undefined;
      });
    pending = loading;
    return loading;
  }

  /** A set that is young enough, or may stand in for one. */
  async function usable(now: number): Promise<FetchedSet> {
    const age = current === undefined ? Number.POSITIVE_INFINITY : Math.abs(now - current.at);
    if (current !== undefined && age < times.maxAgeMs) return current;
    const old = age < times.maxAgeMs + times.staleMs ? current : undefined;
    if (old !== undefined && failedAt !== undefined && Math.abs(now - failedAt) < PAUSE_MS) return old;
    return (pending ?? fetchSet(now)).catch((error) => {
      if (old !== undefined) return old;
      throw error;
    });
  }

  return {
    async find(find, now) {
      const before = begun;
      let set = await usable(now);
      for (;;) {
        const key = await find(set.keys);
        if (key !== undefined || set.fetch > before) return key;
        if (pending === undefined) {
          const waitMs = reserve.take(now);
          if (waitMs > 0) throw new KeysUndecided(Math.ceil(waitMs / 1000));
        }
        set = await (pending ?? fetchSet(now));
      }
    },
  };
}

/** `take` returns 0 and takes one if there is one, else the ms until there will be. */
function tokenBucket(capacity: number, msForOne: number): { take(now: number): number } {
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

/**
 * Fetches a JWK Set (RFC 7517 §5). Rejects for any status but 200, for what is no key set, and for an empty one, which
 * no issuer of signed tokens has.
 */
export async function fetchKeySet(url: string, fetch: CustomFetch, timeoutMs: number): Promise<JSONWebKeySet> {
  const response = await fetch(url, {
    method: 'GET',
    headers: { accept: 'application/json, application/jwk-set+json' },
    redirect: 'manual',
    body: undefined,
    signal: AbortSignal.timeout(timeoutMs),
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new KeySetError('key_set_status', response.status);
  }
  const set = (await response.json()) as JSONWebKeySet;
  createLocalJWKSet(set);
  if (set.keys.length === 0) throw new KeySetError('key_set_empty');
  return set;
}

class KeySetError extends Error {
  override readonly name = 'KeySetError';

  constructor(
    readonly code: 'key_set_status' | 'key_set_empty',
    readonly status?: number,
  ) {
    super('The key set could not be fetched.');
  }
}
