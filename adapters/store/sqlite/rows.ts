import { randomBytes } from 'node:crypto';
import { hasRoomForGrowth, hasRoomForNew, type StoreBounds, type UsedSpace } from '../../../src/relay/store/bounds.js';
import { REVISION_CHARACTERS, type StoredEntry, StoreFullError } from '../../../src/relay/store/contract.js';
import type { SqliteConnection } from './connection.js';

/** Most rows erased per transaction: other processes get the lock in between, and the event loop continues. */
export const MAXIMUM_ERASED = 200;

/** Bytes of a row without its value: the key, which is in the table and in two indexes. */
const ROW_BYTES = 256;

export function readEntry(connection: SqliteConnection, key: string): StoredEntry | undefined {
  // `all`, not `get`: libsql's `get` does not reset its statement, and returns the previous row after a failure.
  const [row] = connection.read.all(key) as { readonly value: string; readonly expires_at: number | bigint }[];
  if (row === undefined) return undefined;
  return { value: row.value, revision: row.value.slice(0, REVISION_CHARACTERS), expiresAt: Number(row.expires_at) };
}

export function readRevision(connection: SqliteConnection, key: string, now: number): string | undefined {
  const [row] = connection.revision.all(key, now) as { readonly revision: string }[];
  return row?.revision;
}

/** Includes expired rows. */
export function readUsedSpace(connection: SqliteConnection): UsedSpace {
  const [row] = connection.usedSpace.all() as {
    readonly mailboxes: number | bigint;
    readonly bytes: number | bigint;
  }[];
  const mailboxes = Number(row?.mailboxes ?? 0);
  return { mailboxes, bytes: Number(row?.bytes ?? 0) + mailboxes * ROW_BYTES };
}

/** Characters of the row that a ping writes, about the size of a mailbox. */
const PING_CHARACTERS = 1_500;

/**
 * Writes a row and removes it. The commit writes the changed pages, so a full or failing disk fails it, although the
 * database is the same afterwards. The bounds of the store do not count.
 */
export function tryToWrite(connection: SqliteConnection, now: number): void {
  const key = `ping:${randomBytes(9).toString('base64url')}`;
  connection.create.run(key, '0'.repeat(PING_CHARACTERS), now, now);
  connection.remove.run(key);
}

/** Returns the number of erased rows. */
export function eraseExpired(connection: SqliteConnection, now: number, limit: number): number {
  return Number(connection.erase.run(now, limit).changes);
}

/** Changes rows within the bounds of a store. Each method runs inside of a transaction. */
export class BoundedRows {
  readonly #bounds: StoreBounds;
  readonly #onErased: () => void;

  /** `onErased` is called when a change erased expired rows to make room. */
  constructor(bounds: StoreBounds, onErased: () => void) {
    this.#bounds = bounds;
    this.#onErased = onErased;
  }

  /** Returns false if a live row exists, also if the store is full. */
  create(connection: SqliteConnection, now: number, key: string, value: string, expiresAt: number): boolean {
    if (expiresAt <= now) throw new RangeError('The deadline of a new entry has passed.');
    try {
      this.#assertRoom(connection, now, (used) => hasRoomForNew(used, measureRow(value), this.#bounds));
    } catch (error) {
      if (error instanceof StoreFullError && readRevision(connection, key, now) !== undefined) return false;
      throw error;
    }
    return Number(connection.create.run(key, value, expiresAt, now).changes) === 1;
  }

  replace(
    connection: SqliteConnection,
    now: number,
    key: string,
    revision: string,
    value: string,
    expiresAt: number | undefined,
  ): 'ok' | 'conflict' | 'missing' {
    const after = measureRow(value);
    this.#assertRoom(connection, now, (used) => {
      if (used.bytes + after <= this.#bounds.maximumBytes) return true;
      const before = readRowSize(connection, key, now, revision);
      return before === undefined || hasRoomForGrowth(used, before, after, this.#bounds);
    });
    const { changes } =
      expiresAt === undefined
        ? connection.replace.run(value, key, now, revision)
        : connection.replaceWithDeadline.run(value, expiresAt, key, now, revision);
    if (Number(changes) === 1) return 'ok';
    // In the same transaction, so this is the state that the update found.
    return readRevision(connection, key, now) === undefined ? 'missing' : 'conflict';
  }

  /** Erases expired rows if there is no room. Throws a StoreFullError if there is still no room. */
  #assertRoom(connection: SqliteConnection, now: number, hasRoom: (used: UsedSpace) => boolean): void {
    if (hasRoom(readUsedSpace(connection))) return;
    const erased = eraseExpired(connection, now, MAXIMUM_ERASED);
    if (erased > 0) this.#onErased();
    if (erased === 0 || !hasRoom(readUsedSpace(connection))) throw new StoreFullError();
  }
}

function measureRow(value: string): number {
  return ROW_BYTES + Buffer.byteLength(value);
}

/** Returns undefined if no live row has this revision. */
function readRowSize(connection: SqliteConnection, key: string, now: number, revision: string): number | undefined {
  const [row] = connection.size.all(key, now, revision) as { readonly bytes: number | bigint }[];
  return row === undefined ? undefined : ROW_BYTES + Number(row.bytes);
}
