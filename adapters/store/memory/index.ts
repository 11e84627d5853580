import cluster from 'node:cluster';
import { Keyv } from 'keyv';
import { z } from 'zod';
import { parseOptions } from '../../../src/relay/parse-options.js';
import { hasRoomForGrowth, hasRoomForNew, MEMORY_BOUNDS } from '../../../src/relay/store/bounds.js';
import { assertDeadline, type MailboxStore, StoreFullError } from '../../../src/relay/store/contract.js';
import { boundsSchemas, clockSchema, resolveBounds } from '../option-schemas.js';
import { getChangeBus } from './changes.js';
import { getMemoryEntries, type MemoryEntries } from './entries.js';
import { measureEntry } from './size.js';

/** Options of {@link memoryStore}. */
export interface MemoryStoreOptions {
  /**
   * Most mailboxes, with the tombstones of deleted mailboxes until their deadline. Proofs for a single use (DPoP,
   * attestations) count as well, for the minutes until they expire. A create beyond the bound rejects. Default 100,000.
   */
  readonly maximumMailboxes?: number | undefined;
  /**
   * Most bytes of memory for all mailboxes. New mailboxes may fill seven eighths; the rest is reserved for the growth
   * of existing mailboxes. Default 67,108,864 (64 MiB).
   */
  readonly maximumBytes?: number | undefined;
  /**
   * True to allow the store in a worker of `node:cluster`, where PM2 also runs apps in its cluster mode. Each worker has
   * mailboxes of its own, so the worker that gets a request may not know its mailbox. Set it only if there is one worker,
   * or if a balancer sends all requests for a mailbox to one worker. Default false.
   */
  readonly allowCluster?: boolean | undefined;
  /** Returns the Unix time in ms, which decides whether an entry is live. Default `Date.now`. */
  readonly clock?: (() => number) | undefined;
}

const optionsSchema = z.strictObject({
  ...boundsSchemas,
  allowCluster: z.boolean('must be true or false').optional(),
  clock: clockSchema,
});

/** Most expired entries that one call erases to make room. */
const MAXIMUM_ERASED_FOR_ROOM = 1000;

/**
 * Creates a mailbox store in the memory of this process, for a laptop or a test. Other processes do not see its
 * mailboxes, and the mailboxes end with the process.
 *
 * Each change checks and writes without an `await` in between, and so is atomic in this process. The store does not
 * call `get` and `set` of the Keyv, which cannot compare. Nothing else may write to the Map.
 *
 * A full store rejects with a {@link StoreFullError}: a create that would exceed a bound after the store has erased
 * expired entries, and a replace that would exceed `maximumBytes`, unless the mailbox stays within the blocks of 2 KiB
 * that it occupies. So all mailboxes together occupy at most about twice `maximumBytes`. The store never drops a live
 * mailbox.
 *
 * @param options - Bounds and clock.
 * @throws TypeError for an invalid option, and in a worker of `node:cluster` without `allowCluster`
 * @example
 * ```ts
 * const store = memoryStore({ maximumMailboxes: 20_000, maximumBytes: 32 * 1024 * 1024 });
 * const relay = createRelay({ publicUrl: 'https://example.com/relay', store });
 * ```
 */
export function memoryStore(options?: MemoryStoreOptions): MailboxStore;
/**
 * Creates a mailbox store on a Map of yours, or on the Map of your Keyv.
 *
 * @param source - A Keyv that keeps its entries in a Map (`new Keyv()`), or a Map.
 * @param options - Bounds and clock.
 * @throws TypeError for a Keyv without a Map, for an invalid option, and in a worker of `node:cluster` without
 * `allowCluster`
 */
export function memoryStore(source: Keyv | Map<string, unknown>, options?: MemoryStoreOptions): MailboxStore;
export function memoryStore(
  first: Keyv | Map<string, unknown> | MemoryStoreOptions = {},
  second: MemoryStoreOptions = {},
): MailboxStore {
  const [source, options] = isSource(first) ? [first, second] : [new Keyv(), first];
  const map: unknown = source instanceof Map ? source : source.store;
  if (!(map instanceof Map)) throw new TypeError('memoryStore: this Keyv does not keep its entries in a Map');
  const { clock = Date.now, allowCluster, ...given } = parseOptions('memoryStore', optionsSchema, options);
  if (allowCluster !== true) assertNoCluster();
  const bounds = resolveBounds(given, MEMORY_BOUNDS);
  const entries = getMemoryEntries(map);

  return {
    changes: getChangeBus(map),
    capabilities: { atomic: 'process', nativeExpiry: false, durable: false, storesObjects: true },
    async get(key) {
      return entries.getLive(key, clock());
    },
    async revision(key) {
      return entries.getLive(key, clock())?.revision;
    },
    async create(key, value, expiresAt) {
      const now = clock();
      assertDeadline(expiresAt);
      if (expiresAt <= now) throw new RangeError('The deadline of a new entry has passed.');
      if (entries.getLive(key, now) !== undefined) return false;
      const bytes = measureEntry(key, value);
      assertRoom(entries, now, () => hasRoomForNew(entries.usedSpace, bytes, bounds));
      entries.put(key, value, expiresAt, bytes);
      return true;
    },
    async replace(key, revision, value, expiresAt) {
      const now = clock();
      const entry = entries.getLive(key, now);
      if (entry === undefined) return 'missing';
      if (entry.revision !== revision) return 'conflict';
      if (expiresAt !== undefined) assertDeadline(expiresAt);
      const bytes = measureEntry(key, value);
      assertRoom(entries, now, () => hasRoomForGrowth(entries.usedSpace, entry.bytes, bytes, bounds));
      entries.put(key, value, expiresAt ?? entry.expiresAt, bytes);
      return 'ok';
    },
    async sweep(limit) {
      return entries.sweep(clock(), limit);
    },
    async ping() {
      return { clockSkewMs: 0, usage: { ...entries.usedSpace, ...bounds } };
    },
    async close() {
      // The store opened nothing, and the Map belongs to the host.
    },
  };
}

function isSource(first: object): first is Keyv | Map<string, unknown> {
  return first instanceof Map || 'store' in first;
}

/** A second worker would not see the mailboxes of this worker, and its requests would get 404 at random. */
function assertNoCluster(): void {
  // Not in threads: two threads cannot share a port, so no request reaches another thread by chance.
  if (!cluster.isWorker) return;
  throw new TypeError(
    'memoryStore: this process is a worker of node:cluster (PM2 in cluster mode is one too), and other workers do not ' +
      "see the mailboxes in its memory. Share a store: storeFromUrl('redis://…'), postgres:// or sqlite:. If there is " +
      'one worker only, pass memoryStore({ allowCluster: true })',
  );
}

/** Erases expired entries if there is no room. Throws a StoreFullError if there is still no room. */
function assertRoom(entries: MemoryEntries, now: number, hasRoom: () => boolean): void {
  if (hasRoom()) return;
  entries.makeRoom(now, MAXIMUM_ERASED_FOR_ROOM);
  if (!hasRoom()) throw new StoreFullError();
}
