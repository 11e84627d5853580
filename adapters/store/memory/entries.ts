import { getSharedWeakMap } from '../../../src/relay/shared-state.js';
import type { UsedSpace } from '../../../src/relay/store/bounds.js';
import { getRevision, type StoredEntry, type StoredValue } from '../../../src/relay/store/contract.js';
import { DeadlineIndex } from './deadlines.js';
import { measureEntry } from './size.js';

/** An entry with its size in bytes: to count the bytes costs more than to store the count. */
interface SizedEntry extends StoredEntry {
  readonly bytes: number;
}

/** The entries of a Map with their deadlines and sizes. All stores on a Map share one instance. */
export class MemoryEntries {
  readonly #entries: Map<string, SizedEntry>;
  readonly #deadlines = new DeadlineIndex();
  #bytes = 0;
  #sweptSecond = Number.NEGATIVE_INFINITY;

  constructor(entries: Map<string, StoredEntry>) {
    this.#entries = entries as Map<string, SizedEntry>;
    for (const [key, { value, revision, expiresAt }] of entries) {
      const bytes = measureEntry(key, value);
      this.#entries.set(key, { value, revision, expiresAt, bytes });
      this.#deadlines.add(key, expiresAt);
      this.#bytes += bytes;
    }
  }

  /** Includes expired entries until they are swept. */
  get usedSpace(): UsedSpace {
    if (this.#entries.size === 0) this.#bytes = 0; // The host may have cleared its Map.
    return { mailboxes: this.#entries.size, bytes: this.#bytes };
  }

  getLive(key: string, now: number): SizedEntry | undefined {
    const entry = this.#entries.get(key);
    return entry !== undefined && entry.expiresAt > now ? entry : undefined;
  }

  /** Puts a value of `bytes`, in place of any entry under the key. */
  put(key: string, value: StoredValue, expiresAt: number, bytes: number): void {
    const before = this.#entries.get(key);
    if (before?.expiresAt !== expiresAt) {
      if (before !== undefined) this.#deadlines.remove(key, before.expiresAt);
      this.#deadlines.add(key, expiresAt);
    }
    this.#entries.set(key, { value, revision: getRevision(value), expiresAt, bytes });
    this.#bytes += bytes - (before?.bytes ?? 0);
  }

  /** Erases up to `limit` expired entries and returns their number. */
  sweep(now: number, limit: number): number {
    return this.#deadlines.takeExpired(now, limit, (key) => {
      const entry = this.#entries.get(key);
      if (entry === undefined || entry.expiresAt > now) return false;
      this.#bytes -= entry.bytes;
      return this.#entries.delete(key);
    });
  }

  /**
   * Erases up to `limit` expired entries to make room. After a sweep that left no expired entry, skips further sweeps
   * within the same second: the index has a resolution of one second, and a full store may receive many creates.
   */
  makeRoom(now: number, limit: number): void {
    const second = Math.floor(now / 1000);
    if (second === this.#sweptSecond) return;
    if (this.sweep(now, limit) < limit) this.#sweptSecond = second;
  }
}

const entriesByMap = getSharedWeakMap<Map<unknown, unknown>, MemoryEntries>('memory-entries');

/** Returns the entries of a Map, the same instance for each call. */
export function getMemoryEntries(map: Map<string, unknown>): MemoryEntries {
  let entries = entriesByMap.get(map);
  if (entries === undefined) {
    entries = new MemoryEntries(map as Map<string, StoredEntry>);
    entriesByMap.set(map, entries);
  }
  return entries;
}
