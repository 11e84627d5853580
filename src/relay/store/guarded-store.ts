import { RelayError, storeFull, storeUnavailable } from '../errors.js';
import type { Events } from '../events.js';
import { isStoreFull, type MailboxStore, type StoredEntry, type StoredValue } from './contract.js';
import { describeFailure } from './describe-failure.js';
import { createFullStoreReporter } from './full-store-reporter.js';
import { StoreTimeoutError, withStoreTimeout } from './store-timeout.js';

/** The time that one request may spend on the store: calls, retries, and waiting in the queue. */
export interface StoreBudget {
  /** Milliseconds left, never negative. */
  remaining(): number;
  /** Runs a function whose time does not count, such as a hook. */
  pausedDuring<Answer>(run: () => Promise<Answer>): Promise<Answer>;
  /** Notes that the request has waited for other requests: in the queue, or between two attempts. */
  noteWait(): void;
  hasWaited(): boolean;
}

export function startBudget(ms: number): StoreBudget {
  let end = performance.now() + ms;
  let waited = false;
  return {
    remaining: () => Math.max(0, end - performance.now()),
    async pausedDuring(run) {
      const startedAt = performance.now();
      try {
        return await run();
      } finally {
        end += performance.now() - startedAt;
      }
    },
    noteWait() {
      waited = true;
    },
    hasWaited: () => waited,
  };
}

/** The store for operations: every call has a timeout, and every failure is a RelayError. */
export interface GuardedStore {
  get(key: string, budget: StoreBudget): Promise<StoredEntry | undefined>;
  /** The revision of the live entry. Reads no value if the store has a method for revisions. */
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

/** A timed-out call counts as a failure of the store only if it had this share of its timeout. */
const MINIMUM_TIMEOUT_SHARE = 0.5;

/**
 * Limits every call of a store to `timeoutMs`, or to the rest of the request's budget, and turns every failure into a
 * 503: `store_full` if the store has no room, else `store_unavailable`. After a timeout the result of a write is
 * unknown; the client retries with the same Request-ID. A request that has spent its budget on waiting fails as
 * `contention` instead, without a `store.failed` event, because the store had no time to answer.
 */
export function guardStore(store: MailboxStore, timeoutMs: number, events: Events): GuardedStore {
  const reportFull = createFullStoreReporter(events);

  async function guard<Answer>(
    call: 'get' | 'revision' | 'create' | 'replace',
    budget: StoreBudget,
    run: () => Promise<Answer>,
  ): Promise<Answer> {
    const startedAt = performance.now();
    const ms = Math.min(timeoutMs, budget.remaining());
    try {
      if (ms <= 0) throw new StoreTimeoutError(); // Nobody would wait for the result of a call.
      return await withStoreTimeout(ms, run);
    } catch (cause) {
      const isSpent = budget.hasWaited() && ms < timeoutMs * MINIMUM_TIMEOUT_SHARE;
      if (isSpent && cause instanceof StoreTimeoutError) throw new RelayError('contention', { cause });
      if (isStoreFull(cause)) {
        reportFull(cause);
        throw storeFull(cause);
      }
      events.emit('store.failed', { call, ...describeFailure(cause), ms: performance.now() - startedAt });
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
