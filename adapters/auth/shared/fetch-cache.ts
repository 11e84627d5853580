import { withTimeout } from '../../../src/relay/time.js';
import { BACKOFF_MS, createBackoff, parseRetryAfterMs } from './backoff.js';

/** Times in ms. */
export interface CacheTimes {
  /** The cache fetches a value again if the value is older than this. */
  readonly maxAgeMs: number;
  /** Time after `maxAgeMs` for which the cache returns an old value while fetches fail. */
  readonly staleMs: number;
  /** Time for which a request waits for a newer value before it uses an old one. */
  readonly refreshTimeoutMs: number;
}

export interface Fetched<Value> {
  readonly value: Value;
  /** The number of the fetch. Numbers increase in the order in which fetches start. */
  readonly fetch: number;
  /** Unix time in ms at which the fetch started. */
  readonly at: number;
}

/** One value of a server, cached in this process. At most one fetch is under way. Times are Unix times in ms. */
export interface FetchCache<Value> {
  /** The number of fetches that have started. */
  startedFetches(): number;
  /** Returns a value within its age limits, and fetches one if necessary. Throws `FetchFailed`. */
  get(now: number): Promise<Fetched<Value>>;
  /** Returns the current value if its fetch started after the fetch of `other`. */
  getNewerThan(other: Fetched<Value>): Fetched<Value> | undefined;
  /** True if `refresh` would start a fetch: no fetch is under way, and no backoff is active. */
  canStart(now: number): boolean;
  /** Returns the value of the fetch under way, or of a new fetch. Throws `FetchFailed`. */
  refresh(now: number): Promise<Fetched<Value>>;
  /**
   * Marks the value as possibly outdated. The cache then fetches it before its next use, once per {@link BACKOFF_MS}.
   */
  markSuspect(): void;
}

/** Time in ms between attempts to replace an old value that is still usable. */
const STALE_RETRY_MS = 5000;

/** Caches the result of `load`. The first use starts the first fetch. `load` must have a time limit. */
export function createFetchCache<Value>(load: (now: number) => Promise<Value>, times: CacheTimes): FetchCache<Value> {
  const backoff = createBackoff();
  let current: Fetched<Value> | undefined;
  let pending: Promise<Fetched<Value>> | undefined;
  let started = 0;
  let isSuspect = false;
  let failedAt = Number.NEGATIVE_INFINITY;

  async function fetchValue(fetch: number, now: number): Promise<Fetched<Value>> {
    const startedAt = performance.now();
    try {
      const value = await load(now);
      current = { value, fetch, at: now };
      isSuspect = false;
      backoff.clear();
      failedAt = Number.NEGATIVE_INFINITY;
      return current;
    } catch (error) {
      failedAt = now + (performance.now() - startedAt);
      throw backoff.start(error, failedAt, parseRetryAfterMs(error, failedAt) ?? BACKOFF_MS);
    } finally {
      pending = undefined;
    }
  }

  function refresh(now: number): Promise<Fetched<Value>> {
    if (pending !== undefined) return pending;
    const failure = backoff.getFailure(now);
    if (failure !== undefined) return Promise.reject(failure);
    started += 1;
    pending = fetchValue(started, now);
    return pending;
  }

  return {
    startedFetches: () => started,
    async get(now) {
      const age = current === undefined ? Number.POSITIVE_INFINITY : Math.abs(now - current.at);
      const maxAgeMs = isSuspect ? Math.min(BACKOFF_MS, times.maxAgeMs) : times.maxAgeMs;
      if (current !== undefined && age < maxAgeMs) return current;
      const old = age < times.maxAgeMs + times.staleMs ? current : undefined;
      if (old === undefined) return refresh(now);
      if (Math.abs(now - failedAt) < STALE_RETRY_MS) return old;
      return withTimeout(times.refreshTimeoutMs, () => refresh(now)).catch(() => old);
    },
    getNewerThan: (other) => (current !== undefined && current.fetch > other.fetch ? current : undefined),
    canStart: (now) => pending === undefined && backoff.getFailure(now) === undefined,
    refresh,
    markSuspect() {
      isSuspect = true;
    },
  };
}
