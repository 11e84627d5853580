import {
  assertBounds,
  FILE_BOUNDS,
  hasRoomForGrowth,
  hasRoomForNew,
  MEMORY_BOUNDS,
  type UsedSpace,
} from '../../../src/relay/store/bounds.js';
import {
  type MailboxStore,
  REVISION_CHARACTERS,
  type StoredEntry,
  type StoredValue,
  StoreFullError,
} from '../../../src/relay/store/contract.js';
import { isBusy, type SqliteConnection, SqliteStoreError, sqliteConnector } from './connection.js';
import { sqliteRunner } from './group-commit.js';
import { isKeyvSqlite, type SqliteSource, targetOf } from './source.js';

export type { KeyvSqliteAdapter, SqliteDatabase, SqliteSource, SqliteStatement } from './source.js';
export { isKeyvSqlite } from './source.js';

/** The SQLite store's further options. */
export interface SqliteStoreOptions {
  /**
   * The table, made where it is missing: letters, digits and `_`, 50 characters at most. Default
   * `credential_relay_mailbox`; for a Keyv adapter the adapter's `table`, unless that is Keyv's own default.
   */
  readonly table?: string;
  /** Milliseconds for which a call waits while another process holds the lock. Default 1000, at most 60 000. */
  readonly busyTimeoutMs?: number;
  /**
   * Most mailboxes, what is left of deleted ones until their deadline included. Proofs that may be used once (DPoP, an
   * attestation) count too, for the minutes that each is kept. Default 1,000,000; 100,000 in memory.
   */
  readonly maximumMailboxes?: number | undefined;
  /**
   * Most bytes of all mailboxes, 256 for each included that the tables take; the file may be larger by what is
   * erased and not yet used again. New mailboxes may take seven eighths of it; the rest is for those that are there to
   * grow. Default 1,073,741,824 (1 GiB); 64 MiB in memory.
   */
  readonly maximumBytes?: number | undefined;
  /** Unix time in ms. Default `Date.now`: all processes on one file are on one machine, and have one clock. */
  readonly clock?: () => number;
}

const DEFAULT_TABLE = 'credential_relay_mailbox';
const DEFAULT_BUSY_TIMEOUT_MS = 1000;

/** Rows erased in one transaction, so that others get the lock, and the event loop its turn, in between. */
const ERASED_AT_ONCE = 200;

/** Bytes of a row besides its value: its key, three times with the indexes. */
const ROW_BYTES = 256;

/** Up to this size the file is rewritten after a sweep: about 20 ms for each megabyte, in which nothing else runs. */
const REWRITTEN_BYTES = 4 * 1024 * 1024;

/**
 * A mailbox store in an SQLite file: durable, without a server, for one machine. Any number of processes there may use
 * one file at once (not over a network file system), hence `atomic: 'distributed'`: both changes are atomic among all
 * who can reach the file at all. `sqlite::memory:` is of this process only, and ends with it.
 *
 * `source` is a path, `sqlite:./relay.db`, `sqlite::memory:`; or a Keyv SQLite adapter, whose file gets a neighbour
 * with `.relay` appended (two SQLite libraries in one process must not share a file); or an open database of libsql or
 * better-sqlite3, which stays the host's. The first two need the package `libsql`. Do not open our file in this process
 * with another SQLite library: locks of a process do not hold between the two, and the file may be damaged.
 *
 * - Acknowledged writes survive kill -9, and, as every commit is flushed to the disk (`synchronous = FULL`), the loss
 *   of power, as far as the disk keeps what it says it has written. On a host's database its own settings decide.
 * - SQLite is called in the event loop: a commit holds it up for one flush of the disk. What arrives meanwhile shares
 *   the next commit. Waiting for another process's lock does not hold it up.
 * - Deleted content is overwritten (`secure_delete`, switched on for a host's connection too). A sweep that erased
 *   something then empties the write-ahead log, and rewrites a file of ours up to 4 MiB, as SQLite leaves stray copies
 *   of moved rows in unused parts of its pages. In larger files, and in those of the host, these (below 1 % of
 *   the rows; ciphertext, like everything here) last until the page is used again, or somebody runs `VACUUM`.
 * - A new file is made for its owner only (0600), and its -wal and -shm files get its mode; a file or folder that is
 *   there keeps its own.
 * - The file is opened by the first call. While it cannot be opened, calls reject, and each tries anew. Its folder has
 *   to be there. A file of ours that was moved, removed or replaced while open is not written to any more
 *   (SQLITE_READONLY_DBMOVED): end all processes before you restore a backup.
 *
 * A full store rejects with a {@link StoreFullError}: a create that would exceed a bound, once what has expired is
 * erased, a replace that would exceed `maximumBytes`, unless the mailbox stays within the blocks of 2 KiB that it takes,
 * and whatever SQLite itself has no room for (SQLITE_FULL: the disk, `max_page_count`). No live mailbox is ever dropped.
 *
 * Calls reject with the `code` of SQLite: SQLITE_BUSY after `busyTimeoutMs`, while 10,000 changes or 64 MiB of them wait already, and while
 * the host has a transaction open on its connection, SQLITE_READONLY, SQLITE_CANTOPEN, SQLITE_CORRUPT, SQLITE_NOTADB and so on; with
 * `store_closed` after `close`. A TypeError rejects a value that is no text, or holds U+0000, which libsql cuts off.
 *
 * Throws a TypeError for a source or an option that can never work, and an Error with the code `missing_package`,
 * which names the command to install it, where `libsql` is needed and not there.
 */
export function sqliteStore(source: SqliteSource, options: SqliteStoreOptions = {}): MailboxStore {
  const target = targetOf(source);
  const table = demandTable(options.table ?? tableOf(source) ?? DEFAULT_TABLE);
  const busyTimeoutMs = demandTimeout(options.busyTimeoutMs ?? DEFAULT_BUSY_TIMEOUT_MS);
  const clock = options.clock ?? Date.now;
  const inMemory = 'file' in target ? target.file === ':memory:' : target.database.memory === true;
  const bounds = assertBounds('sqliteStore', options, inMemory ? MEMORY_BOUNDS : FILE_BOUNDS);
  const connector = sqliteConnector(target, table);
  const runner = sqliteRunner(connector, busyTimeoutMs, clock);
  // A process that was here before may have died between erasing and cleaning up.
  let residue = connector.owned;

  /** Throws if there is no room in the transaction of `connection`, also once what has expired is erased. */
  function demandRoom(connection: SqliteConnection, now: number, hasRoom: (held: UsedSpace) => boolean): void {
    if (hasRoom(heldBy(connection))) return;
    const erased = Number(connection.erase.run(now, ERASED_AT_ONCE).changes);
    residue ||= erased > 0;
    if (erased === 0 || !hasRoom(heldBy(connection))) throw new StoreFullError();
  }

  /** Takes what erased rows left behind off the disk; who reads the log at this moment is waited for. */
  async function cleanUp(): Promise<void> {
    await runner.attempt((connection) => {
      if (connector.owned && bytesOf(connection) <= REWRITTEN_BYTES) connection.database.exec('VACUUM');
    });
    await runner.attempt(({ database }) => {
      const [row] = database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').all();
      if (Number(Reflect.get(Object(row), 'busy')) !== 0)
        throw new SqliteStoreError('SQLITE_BUSY', 'The log is in use.');
    });
    residue = false;
  }

  return {
    capabilities: { atomic: inMemory ? 'process' : 'distributed', nativeExpiry: false, durable: !inMemory },
    get: (key) =>
      runner.attempt((connection) => {
        const row = readRow(connection, key);
        return row !== undefined && row.expiresAt > clock() ? row : undefined;
      }),
    revision: (key) =>
      runner.attempt((connection) => {
        const [row] = connection.revision.all(key, clock()) as { readonly revision: string }[];
        return row?.revision;
      }),
    async create(key, value, expiresAt) {
      const text = demandText(value);
      demandDeadline(expiresAt);
      return runner.write((connection, now) => {
        if (expiresAt <= now) throw new RangeError('The deadline of a new entry has passed.');
        try {
          demandRoom(connection, now, (held) => hasRoomForNew(held, sizeOf(text), bounds));
        } catch (error) {
          // A retry is told that its mailbox is there, also when the store is full.
          if (error instanceof StoreFullError && connection.revision.all(key, now).length > 0) return false;
          throw error;
        }
        return Number(connection.create.run(key, text, expiresAt, now).changes) === 1;
      }, text.length);
    },
    async replace(key, revision, value, expiresAt) {
      const text = demandText(value);
      if (expiresAt !== undefined) demandDeadline(expiresAt);
      return runner.write((connection, now) => {
        demandRoom(connection, now, (held) => {
          if (held.bytes + sizeOf(text) <= bounds.maximumBytes) return true;
          const before = sizeNow(connection, key, now, revision);
          return before === undefined || hasRoomForGrowth(held, before, sizeOf(text), bounds);
        });
        const { changes } =
          expiresAt === undefined
            ? connection.replace.run(text, key, now, revision)
            : connection.replaceAndMove.run(text, expiresAt, key, now, revision);
        if (Number(changes) === 1) return 'ok';
        // In the same transaction, so it is the state that the update met.
        return connection.revision.all(key, now).length > 0 ? 'conflict' : 'missing';
      }, text.length);
    },
    async sweep(limit) {
      let erased = 0;
      let batch: number;
      do {
        const rows = Math.min(ERASED_AT_ONCE, limit - erased);
        batch = await runner.write(({ erase }, now) => Number(erase.run(now, rows).changes));
        erased += batch;
      } while (batch === ERASED_AT_ONCE && erased < limit);
      residue ||= erased > 0;
      // Once the backlog is gone. Where readers keep the log in use, the next sweep tries again.
      if (residue && erased < limit) await cleanUp().catch(unlessBusy);
      return erased;
    },
    async ping() {
      // The write lock, taken and given back: tells a file that cannot be written to as well.
      const held = await runner.write(heldBy);
      return { clockSkewMs: 0, usage: { ...held, ...bounds } };
    },
    async close() {
      await runner.close();
      connector.close();
    },
  };
}

function readRow(connection: SqliteConnection, key: string): StoredEntry | undefined {
  // `all`, not `get`: libsql's `get` does not reset its statement, and after a failure answers for the previous key.
  const [row] = connection.read.all(key) as { readonly value: string; readonly expires_at: number | bigint }[];
  if (row === undefined) return undefined;
  return { value: row.value, revision: row.value.slice(0, REVISION_CHARACTERS), expiresAt: Number(row.expires_at) };
}

/** What the table holds, expired rows included. */
function heldBy(connection: SqliteConnection): UsedSpace {
  const [row] = connection.held.all() as { readonly mailboxes: number | bigint; readonly bytes: number | bigint }[];
  const mailboxes = Number(row?.mailboxes ?? 0);
  return { mailboxes, bytes: Number(row?.bytes ?? 0) + mailboxes * ROW_BYTES };
}

/** Bytes that a row with this value takes. */
function sizeOf(text: string): number {
  return ROW_BYTES + Buffer.byteLength(text);
}

/** Bytes of the live row that has this revision; undefined if there is none. */
function sizeNow(connection: SqliteConnection, key: string, now: number, revision: string): number | undefined {
  const [row] = connection.size.all(key, now, revision) as { readonly bytes: number | bigint }[];
  return row === undefined ? undefined : ROW_BYTES + Number(row.bytes);
}

function bytesOf({ database }: SqliteConnection): number {
  const [row] = database
    .prepare('SELECT page_count * page_size AS bytes FROM pragma_page_count(), pragma_page_size()')
    .all();
  return Number(Reflect.get(Object(row), 'bytes'));
}

function unlessBusy(error: unknown): void {
  if (!isBusy(error)) throw error;
}

function tableOf(source: SqliteSource): string | undefined {
  if (!isKeyvSqlite(source) || source.opts.table === 'keyv') return undefined;
  return source.opts.table;
}

function demandTable(table: string): string {
  if (/^(?!sqlite_)[A-Za-z_][A-Za-z0-9_]{0,49}$/i.test(table)) return table;
  throw new TypeError('sqliteStore: table must be letters, digits and _, 50 characters at most');
}

function demandTimeout(ms: number): number {
  if (Number.isFinite(ms) && ms >= 0 && ms <= 60_000) return ms;
  throw new TypeError('sqliteStore: busyTimeoutMs must be from 0 to 60000');
}

function demandText(value: StoredValue): string {
  if (typeof value === 'string' && !value.includes('\0')) return value;
  throw new TypeError('The SQLite store keeps text without U+0000 only.');
}

function demandDeadline(expiresAt: number): void {
  if (!Number.isSafeInteger(expiresAt)) throw new RangeError('A deadline is a safe integer of milliseconds.');
}
