import type { UsedSpace } from '../../../src/relay/store/bounds.js';
import { revisionOf, type StoredEntry, type StoredValue } from '../../../src/relay/store/contract.js';
import { createDeadlineIndex, type DeadlineIndex } from './deadlines.js';
import { sizeOfEntry } from './size.js';

/** An entry, with the bytes that it takes: to count them costs more than to keep them. */
interface SizedEntry extends StoredEntry {
  readonly bytes: number;
}

/** The entries of a Map, with their deadlines and their size: one of these for a Map, however many stores are on it. */
export class MemoryEntries {
  readonly #entries: Map<string, SizedEntry>;
  readonly #deadlines: DeadlineIndex = createDeadlineIndex();
  #bytes = 0;
  #sweptSecond = Number.NEGATIVE_INFINITY;

  constructor(entries: Map<string, StoredEntry>) {
    this.#entries = entries as Map<string, SizedEntry>;
    for (const [key, { value, revision, expiresAt }] of entries) {
      const bytes = sizeOfEntry(key, value);
      this.#entries.set(key, { value, revision, expiresAt, bytes });
      this.#deadlines.add(key, expiresAt);
      this.#bytes += bytes;
    }
  }

  /** What the Map holds, the expired entries that were not swept yet included. */
  get held(): UsedSpace {
    if (this.#entries.size === 0) this.#bytes = 0; // Whoever holds the Map may have cleared it.
    return { mailboxes: this.#entries.size, bytes: this.#bytes };
  }

  live(key: string, now: number): SizedEntry | undefined {
    const entry = this.#entries.get(key);
    return entry !== undefined && entry.expiresAt > now ? entry : undefined;
  }

  /** Puts what has the size `bytes`, whatever is under the key. */
  put(key: string, value: StoredValue, expiresAt: number, bytes: number): void {
    const before = this.#entries.get(key);
    if (before?.expiresAt !== expiresAt) {
      if (before !== undefined) this.#deadlines.remove(key, before.expiresAt);
      this.#deadlines.add(key, expiresAt);
    }
    this.#entries.set(key, { value, revision: revisionOf(value), expiresAt, bytes });
    this.#bytes += bytes - (before?.bytes ?? 0);
  }

  /** Erases up to `limit` entries whose deadline has come; how many were. */
  sweep(now: number, limit: number): number {
    return this.#deadlines.take(now, limit, (key) => {
      const entry = this.#entries.get(key);
      if (entry === undefined || entry.expiresAt > now) return false;
      this.#bytes -= entry.bytes;
      return this.#entries.delete(key);
    });
  }

  /**
   * Erases up to `limit` expired entries to make room. Once nothing is left to erase it does not look again within the
   * second: deadlines are indexed by the second, and a full store is asked often.
   */
  makeRoom(now: number, limit: number): void {
    const second = Math.floor(now / 1000);
    if (second === this.#sweptSecond) return;
    if (this.sweep(now, limit) < limit) this.#sweptSecond = second;
  }
}

const entriesOf = new WeakMap<Map<unknown, unknown>, MemoryEntries>();

/** The entries of a Map. */
export function memoryEntries(backing: Map<string, unknown>): MemoryEntries {
  const known = entriesOf.get(backing);
  if (known !== undefined) return known;
  const entries = new MemoryEntries(backing as Map<string, StoredEntry>);
  entriesOf.set(backing, entries);
  return entries;
}
