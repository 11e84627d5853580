import { Keyv } from 'keyv';
import { type MailboxStore, revisionOf, type StoredEntry, type StoredValue } from '../../src/store/contract.js';
import type { ChangeBus, ChangeListener } from '../../src/waiting/contract.js';

/** The memory store's further options. */
export interface MemoryStoreOptions {
  /** Unix time in ms. Default `Date.now`. */
  readonly clock?: () => number;
}

/**
 * A mailbox store in the memory of this process, on the Map of a Keyv (`new Keyv()`, or one made here). For one
 * process, a laptop, a test: what it holds ends with the process, and other processes do not see it.
 *
 * Each change checks and sets with no `await` in between, so that it is atomic in this process. Keyv's own `get` and
 * `set` are not used: they cannot compare. Give it a Map that nothing else writes to.
 *
 * Throws a TypeError for a Keyv that does not keep its entries in a Map.
 */
export function memoryStore(
  source: Keyv | Map<string, unknown> = new Keyv(),
  options: MemoryStoreOptions = {},
): MailboxStore {
  const backing: unknown = source instanceof Map ? source : source.store;
  if (!(backing instanceof Map)) throw new TypeError('memoryStore: this Keyv does not keep its entries in a Map');
  const entries = backing as Map<string, StoredEntry>;
  const clock = options.clock ?? Date.now;
  const deadlines = createDeadlineIndex();
  for (const [key, entry] of entries) deadlines.add(key, entry.expiresAt);

  function live(key: string): StoredEntry | undefined {
    const entry = entries.get(key);
    return entry !== undefined && entry.expiresAt > clock() ? entry : undefined;
  }

  function put(key: string, value: StoredValue, expiresAt: number): void {
    const before = entries.get(key);
    if (before?.expiresAt !== expiresAt) {
      if (before !== undefined) deadlines.remove(key, before.expiresAt);
      deadlines.add(key, expiresAt);
    }
    entries.set(key, { value, revision: revisionOf(value), expiresAt });
  }

  return {
    changes: changesOf(backing),
    capabilities: { atomic: 'process', nativeExpiry: false, durable: false, keepsReferences: true },
    async get(key) {
      return live(key);
    },
    async create(key, value, expiresAt) {
      demandDeadline(expiresAt);
      if (expiresAt <= clock()) throw new RangeError('The deadline of a new entry has passed.');
      if (live(key) !== undefined) return false;
      put(key, value, expiresAt);
      return true;
    },
    async replace(key, revision, value, expiresAt) {
      const entry = live(key);
      if (entry === undefined) return 'missing';
      if (entry.revision !== revision) return 'conflict';
      if (expiresAt !== undefined) demandDeadline(expiresAt);
      put(key, value, expiresAt ?? entry.expiresAt);
      return 'ok';
    },
    async sweep(limit) {
      const now = clock();
      // Another store on this Map may have given the key a later deadline: what counts is the entry's own.
      return deadlines.take(now, limit, (key) => (entries.get(key)?.expiresAt ?? now) <= now && entries.delete(key));
    },
    async ping() {
      return { clockSkewMs: 0 };
    },
    async close() {
      // Nothing was opened; the Map belongs to whoever holds it.
    },
  };
}

function demandDeadline(expiresAt: number): void {
  if (!Number.isSafeInteger(expiresAt)) throw new RangeError('A deadline is a safe integer of milliseconds.');
}

const listenersOf = new WeakMap<Map<unknown, unknown>, Set<ChangeListener>>();

/** Word between the relays of this process that share a Map. */
function changesOf(backing: Map<unknown, unknown>): ChangeBus {
  const listeners = listenersOf.get(backing) ?? new Set();
  listenersOf.set(backing, listeners);
  return {
    publish(key) {
      for (const listener of listeners) listener.changed(key);
    },
    subscribe(listener) {
      listeners.add(listener);
      return async () => void listeners.delete(listener);
    },
  };
}

/** Keys by the second in which they expire, so that a sweep costs what the expired entries cost. */
interface DeadlineIndex {
  add(key: string, expiresAt: number): void;
  remove(key: string, expiresAt: number): void;
  /** Forgets keys whose deadline has come and has them erased, up to `limit` of them; how many were. */
  take(now: number, limit: number, erase: (key: string) => boolean): number;
}

function createDeadlineIndex(): DeadlineIndex {
  const bySecond = new Map<number, Set<string>>();
  const secondOf = (expiresAt: number): number => Math.ceil(expiresAt / 1000);

  function remove(key: string, expiresAt: number): void {
    const second = secondOf(expiresAt);
    const keys = bySecond.get(second);
    if (keys?.delete(key) && keys.size === 0) bySecond.delete(second);
  }

  return {
    add(key, expiresAt) {
      const second = secondOf(expiresAt);
      const keys = bySecond.get(second);
      if (keys === undefined) bySecond.set(second, new Set([key]));
      else keys.add(key);
    },
    remove,
    take(now, limit, erase) {
      let taken = 0;
      for (const [second, keys] of bySecond) {
        if (second * 1000 > now) continue;
        for (const key of keys) {
          if (taken === limit) return taken;
          remove(key, second * 1000);
          if (erase(key)) taken += 1;
        }
      }
      return taken;
    },
  };
}
