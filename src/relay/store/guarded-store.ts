import { RelayError, storeFull, storeUnavailable } from '../errors.js';
import { describeCause, type Events } from '../events.js';
import { isStoreFull, type MailboxStore, type StoredEntry, type StoredValue } from './contract.js';
import { createFullStoreReporter } from './full-store-reporter.js';
import { StoreTimeoutError, withStoreTimeout } from './store-timeout.js';

/** The time one request may spend on the store: its calls, its retries, and its turn in the queue. */
export interface StoreBudget {
  /** Milliseconds left, never negative. */
  remaining(): number;
  /** Runs what is no call to the store: the time it takes does not count. */
  pausedDuring<Answer>(run: () => Promise<Answer>): Promise<Answer>;
  /** Notes that a part of it went by in waiting for others: for a turn, or between two tries. */
  noteWait(): void;
  hasWaited(): boolean;
}

/** Starts a budget of `ms` on the monotonic clock. */
export function startBudget(ms: number): StoreBudget {
  let end = performance.now() + ms;
  let waited = false;
  return {
    remaining: () => Math.max(0, end - performance.now()),
    async pausedDuring(run) {
      const started = performance.now();
      try {
        return await run();
      } finally {
        end += performance.now() - started;
      }
    },
    noteWait() {
      waited = true;
    },
    hasWaited: () => waited,
  };
}

/** The store as operations see it: each call has a deadline, and every failure is a 503. */
export interface GuardedStore {
  get(key: string, budget: StoreBudget): Promise<StoredEntry | undefined>;
  /** The revision of the live entry, without its value where the store can tell it. */
  revision(key: string, budget: StoreBudget): Promise<string | undefined>;
  create(key: string, value: StoredValue, expiresAt: number, budget: StoreBudget): Promise<boolean>;
  replace(
    key: string,
    revision: string,
    value: StoredValue,
    expiresAt: number | undefined,
    budget: StoreBudget,
  ): Promise<'ok' | 'conflict' | 'missing'>;
}

/** The part of its time limit that a call must have had before the store is said to have failed. */
const FAIR_SHARE = 0.5;

/**
 * Puts a deadline of `timeoutMs` (or what is left of the request's budget) on every call of a store, and makes every
 * failure a 503, whatever the store calls it: `store_full` if it has no room, else `store_unavailable`. After a time-out
 * the outcome of a write is unknown; the client's retry with its Request-ID finds out. A request that has spent its
 * budget on waiting for its turn fails as `contention`: the store is not called, or was not given the time to answer,
 * and no failure of it is emitted.
 */
export function guardStore(store: MailboxStore, timeoutMs: number, events: Events): GuardedStore {
  const reportFull = createFullStoreReporter(events);

  async function guard<Answer>(
    call: 'get' | 'revision' | 'create' | 'replace',
    budget: StoreBudget,
    run: () => Promise<Answer>,
  ): Promise<Answer> {
    const started = performance.now();
    const ms = Math.min(timeoutMs, budget.remaining());
    try {
      if (ms <= 0) throw new StoreTimeoutError(); // Not called: nobody would hear what became of it.
      return await withStoreTimeout(ms, run);
    } catch (cause) {
      const isSpent = budget.hasWaited() && ms < timeoutMs * FAIR_SHARE;
      if (isSpent && cause instanceof StoreTimeoutError) throw new RelayError('contention', { cause });
      if (isStoreFull(cause)) {
        reportFull(cause);
        throw storeFull(cause);
      }
      events.emit('store.failed', { call, cause: describeCause(cause), ms: performance.now() - started });
      throw storeUnavailable(cause);
    }
  }
  return {
    get: (key, budget) => guard('get', budget, () => store.get(key)),
    revision: (key, budget) =>
      guard('revision', budget, async () =>
        store.revision === undefined ? (await store.get(key))?.revision : store.revision(key),
      ),
    create: (key, value, expiresAt, budget) => guard('create', budget, () => store.create(key, value, expiresAt)),
    replace: (key, revision, value, expiresAt, budget) =>
      guard('replace', budget, () => store.replace(key, revision, value, expiresAt)),
  };
}
