import type { Keyv, KeyvStoreAdapter } from 'keyv';
import { createCallLimit } from './call-limit.js';
import {
  assertText,
  DEFAULT_PING_KEY,
  getRevision,
  type MailboxStore,
  type StoredEntry,
  type StoredValue,
} from './contract.js';
import { createKeyedQueue } from './keyed-queue.js';
import { StoreTimeoutError, withStoreTimeout } from './store-timeout.js';

/** Timeout of one adapter call. */
const ADAPTER_TIMEOUT_MS = 2000;

/** Options of {@link keyvStore}. */
export interface KeyvStoreOptions {
  /**
   * Confirms that only one process writes to the backend. Keyv has no atomic change: with a second process, two
   * receivers could bind to one mailbox.
   */
  readonly atomicity: 'single-process';
  /** Returns Unix time in ms. Default `Date.now`. */
  readonly clock?: () => number;
}

/**
 * Creates a mailbox store on any Keyv adapter, for a **single process**: changes of one key run one after another. The
 * store calls the adapter of the Keyv directly, because Keyv itself reports an outage as an absent value.
 *
 * An adapter call times out after 2 s. A timed-out write may still happen later, so the store refuses further changes
 * of its key until the write has settled. The store refuses calls beyond 10,000, or 64 MiB, in flight. The size of the
 * backend is not bounded.
 *
 * @param keyv - A Keyv with a storage adapter. The caller keeps it, and closes it.
 * @throws TypeError without `atomicity: 'single-process'`, and if the Keyv stores its entries in a Map.
 * @example
 * const store = keyvStore(new Keyv(new KeyvMongo('mongodb://localhost')), { atomicity: 'single-process' });
 */
export function keyvStore(keyv: Keyv, options: KeyvStoreOptions): MailboxStore {
  if (options?.atomicity !== 'single-process') {
    throw new TypeError("keyvStore: atomicity must be 'single-process': only one process may use this backend");
  }
  const adapter: KeyvStoreAdapter | Map<string, unknown> = keyv.store;
  if (adapter instanceof Map) throw new TypeError('keyvStore: this Keyv stores its entries in a Map, use memoryStore');
  const clock = options.clock ?? Date.now;
  const entries = new AdapterEntries(adapter, clock);
  return {
    // The adapter is unknown, so the store promises no more than this.
    capabilities: { atomic: 'process', nativeExpiry: true, durable: false },
    get: (key) => entries.get(key),
    create: (key, value, expiresAt) =>
      entries.change(key, async () => {
        if (!Number.isSafeInteger(expiresAt) || expiresAt <= clock()) throw new RangeError('The deadline has passed.');
        if ((await entries.get(key)) !== undefined) return false;
        await entries.set(key, value, expiresAt);
        return true;
      }),
    replace: (key, revision, value, expiresAt) =>
      entries.change(key, async () => {
        const entry = await entries.get(key);
        if (entry === undefined) return 'missing';
        if (entry.revision !== revision) return 'conflict';
        if (expiresAt !== undefined && !Number.isSafeInteger(expiresAt))
          throw new RangeError('The deadline is no integer.');
        await entries.set(key, value, expiresAt ?? entry.expiresAt);
        return 'ok';
      }),
    async ping(key = DEFAULT_PING_KEY) {
      await entries.ping(key);
      return { clockSkewMs: 0 };
    },
    async close() {
      // The caller closes the Keyv.
    },
  };
}

/** The entries of an adapter, with timeouts, a limit of calls in flight, and one change per key at a time. */
class AdapterEntries {
  readonly #adapter: KeyvStoreAdapter;
  readonly #clock: () => number;
  readonly #queue = createKeyedQueue();
  readonly #limit = createCallLimit();
  /** Keys with a write that has not settled. */
  readonly #unsettled = new Set<string>();

  constructor(adapter: KeyvStoreAdapter, clock: () => number) {
    this.#adapter = adapter;
    this.#clock = clock;
  }

  /** Runs a change after the earlier changes of the key, unless the caller has timed out by then. */
  change<Answer>(key: string, run: () => Promise<Answer>): Promise<Answer> {
    const end = performance.now() + ADAPTER_TIMEOUT_MS;
    return this.#queue(key, async () => {
      if (performance.now() > end) throw new StoreTimeoutError();
      return run();
    });
  }

  async get(key: string): Promise<StoredEntry | undefined> {
    const text = await withStoreTimeout(ADAPTER_TIMEOUT_MS, () => this.#read(key, key.length));
    if (text === undefined || text === null) return undefined;
    const entry = parseEntry(text);
    return entry.expiresAt > this.#clock() ? entry : undefined;
  }

  async set(key: string, value: StoredValue, expiresAt: number): Promise<void> {
    assertText(value, 'A Keyv store');
    if (this.#unsettled.has(key)) throw new Error('An earlier write of this key has not settled.');
    this.#unsettled.add(key);
    const stored = await withStoreTimeout(ADAPTER_TIMEOUT_MS, () => this.#write(key, value, expiresAt));
    if (stored === false) throw new Error('The Keyv adapter did not store the value.');
  }

  async ping(key: string): Promise<void> {
    await withStoreTimeout(ADAPTER_TIMEOUT_MS, () => this.#read(key, 0));
  }

  #read(key: string, bytes: number): Promise<unknown> {
    return this.#limit.run(bytes, async () => this.#adapter.get(key), createOverloadError);
  }

  async #write(key: string, value: string, expiresAt: number): Promise<unknown> {
    const ttl = Math.max(1, expiresAt - this.#clock());
    const text = `${expiresAt}:${value}`;
    try {
      return await this.#limit.run(text.length, async () => this.#adapter.set(key, text, ttl), createOverloadError);
    } finally {
      this.#unsettled.delete(key);
    }
  }
}

function createOverloadError(): Error {
  return new Error('Too many calls wait for the Keyv adapter.');
}

/** Parses `expiresAt:value`. Any other text is an error, not an absent mailbox: the relay did not write the entry. */
function parseEntry(text: unknown): StoredEntry {
  const [, deadline, value] = typeof text === 'string' ? (/^(\d{1,16}):(.*)$/s.exec(text) ?? []) : [];
  if (deadline === undefined || value === undefined) throw new Error('A stored value is not of the relay.');
  return { value, revision: getRevision(value), expiresAt: Number(deadline) };
}
