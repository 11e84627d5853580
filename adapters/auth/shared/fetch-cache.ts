import { BACKOFF_MS, createBackoff, parseRetryAfterMs } from './backoff.js';
import { settleWithin } from './time-out.js';

/** Times in ms. */
export interface CacheTimes {
  /** A value older than this is fetched anew before it is used. */
  readonly maxAgeMs: number;
  /** Time beyond `maxAgeMs` for which a value serves on while fetching fails. */
  readonly staleMs: number;
  /** Time that is waited for a newer value where the old one can serve on. */
  readonly refreshTimeoutMs: number;
}

/** A value that was fetched. */
export interface Fetched<Value> {
  readonly value: Value;
  /** Number of the fetch that brought it. A value whose fetch began after a question settles that question. */
  readonly fetch: number;
  /** Unix time in ms at which the fetch began. */
  readonly at: number;
}

/** A value of a server that is kept in this process: one fetch at a time, one value, one failure. */
export interface FetchCache<Value> {
  /** Number of fetches that have begun. */
  startedFetches(): number;
  /** A value that is young enough, or may stand in for one. Throws a `FetchFailed`. `now` is Unix time in ms. */
  get(now: number): Promise<Fetched<Value>>;
  /** The value, if it is of a later fetch than another. */
  getNewerThan(other: Fetched<Value>): Fetched<Value> | undefined;
  /** True if `renew` would begin a fetch: none is under way, and none failed a moment ago. */
  canStart(now: number): boolean;
  /** The value of the fetch under way, or of a new one. Throws a `FetchFailed`. */
  refresh(now: number): Promise<Fetched<Value>>;
  /** Something speaks against the value: it is fetched anew before it is used again, at most once in {@link BACKOFF_MS}. */
  markSuspect(): void;
}

/** Time in ms for which an old value is used without another try, once fetching has failed. */
const STALE_PAUSE_MS = 5000;

/** Makes a cache of what `load` gives. `load` must settle in a time of its own. Nothing is loaded before it is asked for. */
export function createFetchCache<Value>(load: (now: number) => Promise<Value>, times: CacheTimes): FetchCache<Value> {
  const failure = createBackoff();
  let current: Fetched<Value> | undefined;
  let pending: Promise<Fetched<Value>> | undefined;
  let begun = 0;
  let doubted = false;
  let failedAt = Number.NEGATIVE_INFINITY;

  async function fetchValue(fetch: number, now: number): Promise<Fetched<Value>> {
    const started = performance.now();
    try {
      const value = await load(now);
      current = { value, fetch, at: now };
      doubted = false;
      failure.clear();
      failedAt = Number.NEGATIVE_INFINITY;
      return current;
    } catch (error) {
      failedAt = now + (performance.now() - started);
      throw failure.start(error, failedAt, parseRetryAfterMs(error, failedAt) ?? BACKOFF_MS);
    } finally {
      pending = undefined;
    }
  }

  function renew(now: number): Promise<Fetched<Value>> {
    if (pending !== undefined) return pending;
    const failed = failure.getFailure(now);
    if (failed !== undefined) return Promise.reject(failed);
    begun += 1;
    pending = fetchValue(begun, now);
    return pending;
  }

  return {
    startedFetches: () => begun,
    async get(now) {
      const age = current === undefined ? Number.POSITIVE_INFINITY : Math.abs(now - current.at);
      const youngMs = doubted ? Math.min(BACKOFF_MS, times.maxAgeMs) : times.maxAgeMs;
      if (current !== undefined && age < youngMs) return current;
      const old = age < times.maxAgeMs + times.staleMs ? current : undefined;
      if (old === undefined) return renew(now);
      if (Math.abs(now - failedAt) < STALE_PAUSE_MS) return old;
      return settleWithin(times.refreshTimeoutMs, () => renew(now)).catch(() => old);
    },
    getNewerThan: (other) => (current !== undefined && current.fetch > other.fetch ? current : undefined),
    canStart: (now) => pending === undefined && failure.getFailure(now) === undefined,
    refresh: renew,
    markSuspect() {
      doubted = true;
    },
  };
}
