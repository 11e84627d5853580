import { Keyv } from 'keyv';
import type { ChangeBus, ChangeListener } from '../../../src/relay/long-poll/contract.js';
import { assertBounds, hasRoomForGrowth, hasRoomForNew, MEMORY_BOUNDS } from '../../../src/relay/store/bounds.js';
import { type MailboxStore, StoreFullError } from '../../../src/relay/store/contract.js';
import { memoryEntries } from './entries.js';
import { sizeOfEntry } from './size.js';

/** The memory store's further options. */
export interface MemoryStoreOptions {
  /**
   * Most mailboxes, what is left of deleted ones until their deadline included. Proofs that may be used once (DPoP, an
   * attestation) count too, for the minutes that each is kept. Default 100,000.
   */
  readonly maximumMailboxes?: number | undefined;
  /**
   * Most bytes of memory for all mailboxes. New ones may take seven eighths of it; the rest is for those that are there
   * to grow. Default 67,108,864 (64 MiB).
   */
  readonly maximumBytes?: number | undefined;
  /** Unix time in ms. Default `Date.now`. */
  readonly clock?: (() => number) | undefined;
}

/** Expired entries that one call erases to make room, at most. */
const ERASED_FOR_ROOM = 1000;

/**
 * A mailbox store in the memory of this process, on the Map of a Keyv (`new Keyv()`, or one made here). For one
 * process, a laptop, a test: what it holds ends with the process, and other processes do not see it.
 *
 * Each change checks and sets with no `await` in between, so that it is atomic in this process. Keyv's own `get` and
 * `set` are not used: they cannot compare. Give it a Map that nothing else writes to.
 *
 * A full store rejects with a {@link StoreFullError}: a create that would exceed a bound, once what has expired is
 * erased, and a replace that would exceed `maximumBytes`, unless the mailbox stays within the blocks of 2 KiB that it
 * takes. So all mailboxes together never take more than about twice `maximumBytes`, and no live one is ever dropped.
 *
 * Throws a TypeError for a Keyv that does not keep its entries in a Map, and for a bound that is no whole number from 1.
 */
export function memoryStore(options?: MemoryStoreOptions): MailboxStore;
export function memoryStore(source: Keyv | Map<string, unknown>, options?: MemoryStoreOptions): MailboxStore;
export function memoryStore(
  first: Keyv | Map<string, unknown> | MemoryStoreOptions = {},
  second: MemoryStoreOptions = {},
): MailboxStore {
  const [source, options] = isSource(first) ? [first, second] : [new Keyv(), first];
  const backing: unknown = source instanceof Map ? source : source.store;
  if (!(backing instanceof Map)) throw new TypeError('memoryStore: this Keyv does not keep its entries in a Map');
  const clock = options.clock ?? Date.now;
  const bounds = assertBounds('memoryStore', options, MEMORY_BOUNDS);
  const entries = memoryEntries(backing);

  /** Throws if there is no room, also once what has expired is erased. */
  function demandRoom(now: number, hasRoom: () => boolean): void {
    if (hasRoom()) return;
    entries.makeRoom(now, ERASED_FOR_ROOM);
    if (!hasRoom()) throw new StoreFullError();
  }

  return {
    changes: changesOf(backing),
    capabilities: { atomic: 'process', nativeExpiry: false, durable: false, storesObjects: true },
    async get(key) {
      return entries.live(key, clock());
    },
    async revision(key) {
      return entries.live(key, clock())?.revision;
    },
    async create(key, value, expiresAt) {
      const now = clock();
      demandDeadline(expiresAt);
      if (expiresAt <= now) throw new RangeError('The deadline of a new entry has passed.');
      if (entries.live(key, now) !== undefined) return false;
      const bytes = sizeOfEntry(key, value);
      demandRoom(now, () => hasRoomForNew(entries.held, bytes, bounds));
      entries.put(key, value, expiresAt, bytes);
      return true;
    },
    async replace(key, revision, value, expiresAt) {
      const now = clock();
      const entry = entries.live(key, now);
      if (entry === undefined) return 'missing';
      if (entry.revision !== revision) return 'conflict';
      if (expiresAt !== undefined) demandDeadline(expiresAt);
      const bytes = sizeOfEntry(key, value);
      demandRoom(now, () => hasRoomForGrowth(entries.held, entry.bytes, bytes, bounds));
      entries.put(key, value, expiresAt ?? entry.expiresAt, bytes);
      return 'ok';
    },
    async sweep(limit) {
      return entries.sweep(clock(), limit);
    },
    async ping() {
      return { clockSkewMs: 0, usage: { ...entries.held, ...bounds } };
    },
    async close() {
      // Nothing was opened; the Map belongs to whoever holds it.
    },
  };
}

function isSource(first: object): first is Keyv | Map<string, unknown> {
  return first instanceof Map || 'store' in first;
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
