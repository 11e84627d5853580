import type { Keyv, KeyvStoreAdapter } from 'keyv';
import { createCallLimit } from './call-limit.js';
import { type MailboxStore, revisionOf, type StoredEntry, type StoredValue } from './contract.js';
import { createKeyedQueue } from './keyed-queue.js';
import { StoreTimeoutError, withStoreTimeout } from './store-timeout.js';

/** Longest that one call of the adapter may take, in ms. */
const ADAPTER_TIMEOUT_MS = 2000;

/** What `keyvStore` must be told. */
export interface KeyvStoreOptions {
  /**
   * The word of the operator that one process alone writes to this backend. Keyv has no atomic change: with a second
   * process two receivers could be bound at once.
   */
  readonly atomicity: 'single-process';
  /** Unix time in ms. Default `Date.now`. */
  readonly clock?: () => number;
}

/**
 * A mailbox store on any Keyv adapter, for ONE process: changes of one key take turns within it. The adapter's own get
 * and set are used, not those of Keyv, which report an outage as an absent value. Throws a TypeError without the word
 * `atomicity: 'single-process'`, or if the Keyv keeps its entries in a Map.
 *
 * An adapter call that does not answer within 2 s is given up. If it was a write, it may still land: until it has
 * settled, changes of that key are refused, so that it cannot undo a later one. Calls that the adapter has not settled
 * are bounded: beyond 10,000 of them, or 64 MiB, further ones are refused. How much the backend may hold is for the host
 * to bound.
 */
export function keyvStore(keyv: Keyv, options: KeyvStoreOptions): MailboxStore {
  if (options?.atomicity !== 'single-process') {
    throw new TypeError("keyvStore: write atomicity: 'single-process' if one process alone uses this backend");
  }
  const adapter: KeyvStoreAdapter | Map<string, unknown> = keyv.store;
  if (adapter instanceof Map) throw new TypeError('keyvStore: a Keyv on a Map is what memoryStore is for');
  const clock = options.clock ?? Date.now;
  const queue = createKeyedQueue();
  const unsettled = new Set<string>();
  const limit = createCallLimit();
  const refusal = (): Error => new Error('Too many calls wait for the Keyv adapter.');

  /** Runs a change when it is its turn, unless nobody waits for it any more. */
  function inTurn<Answer>(key: string, change: () => Promise<Answer>): Promise<Answer> {
    const end = performance.now() + ADAPTER_TIMEOUT_MS;
    return queue(key, async () => {
      if (performance.now() > end) throw new StoreTimeoutError();
      return change();
    });
  }

  async function live(key: string): Promise<StoredEntry | undefined> {
    const text: unknown = await withStoreTimeout(ADAPTER_TIMEOUT_MS, () =>
      limit.run(key.length, async () => adapter.get(key), refusal),
    );
    if (text === undefined || text === null) return undefined;
    const entry = parseEntry(text);
    return entry.expiresAt > clock() ? entry : undefined;
  }

  async function put(key: string, value: StoredValue, expiresAt: number): Promise<void> {
    if (typeof value !== 'string') throw new TypeError('keyvStore: keeps text only');
    if (unsettled.has(key)) throw new Error('An earlier write of this key has not settled.');
    unsettled.add(key);
    const ttl = Math.max(1, expiresAt - clock());
    const stored: unknown = await withStoreTimeout(ADAPTER_TIMEOUT_MS, async () => {
      const text = `${expiresAt}:${value}`;
      try {
        return await limit.run(text.length, async () => adapter.set(key, text, ttl), refusal);
      } finally {
        unsettled.delete(key);
      }
    });
    if (stored === false) throw new Error('The Keyv adapter did not store the value.');
  }

  return {
    // Of an adapter that nobody knows nothing more is promised.
    capabilities: { atomic: 'process', nativeExpiry: true, durable: false },
    get: live,
    create: (key, value, expiresAt) =>
      inTurn(key, async () => {
        if (!Number.isSafeInteger(expiresAt) || expiresAt <= clock()) throw new RangeError('The deadline has passed.');
        if ((await live(key)) !== undefined) return false;
        await put(key, value, expiresAt);
        return true;
      }),
    replace: (key, revision, value, expiresAt) =>
      inTurn(key, async () => {
        const entry = await live(key);
        if (entry === undefined) return 'missing';
        if (entry.revision !== revision) return 'conflict';
        if (expiresAt !== undefined && !Number.isSafeInteger(expiresAt))
          throw new RangeError('The deadline is no integer.');
        await put(key, value, expiresAt ?? entry.expiresAt);
        return 'ok';
      }),
    async ping() {
      await withStoreTimeout(ADAPTER_TIMEOUT_MS, () => limit.run(0, async () => adapter.get('ping'), refusal));
      return { clockSkewMs: 0 };
    },
    async close() {
      // The Keyv belongs to whoever made it.
    },
  };
}

/** What `put` wrote: the deadline in ms, a colon, the value. Anything else is not ours, and not an absent mailbox. */
function parseEntry(text: unknown): StoredEntry {
  const [, deadline, value] = typeof text === 'string' ? (/^(\d{1,16}):(.*)$/s.exec(text) ?? []) : [];
  if (deadline === undefined || value === undefined) throw new Error('A stored value is not of the relay.');
  return { value, revision: revisionOf(value), expiresAt: Number(deadline) };
}
