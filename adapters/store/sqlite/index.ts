import { z } from 'zod';
import { parseOptions } from '../../../src/relay/parse-options.js';
import { FILE_BOUNDS, MEMORY_BOUNDS, type UsedSpace } from '../../../src/relay/store/bounds.js';
import {
  assertDeadline,
  assertText,
  isStoreFull,
  type MailboxStore,
  type StoredValue,
} from '../../../src/relay/store/contract.js';
import { boundsSchemas, clockSchema, resolveBounds } from '../option-schemas.js';
import { createConnector, type SqliteConnection } from './connection.js';
import { createFailure } from './errors.js';
import { GroupCommitQueue } from './group-commit.js';
import { BoundedRows, readEntry, readRevision, readUsedSpace, tryToWrite } from './rows.js';
import { IN_MEMORY, isKeyvSqlite, resolveTarget, type SqliteSource, type SqliteTarget } from './source.js';
import { SqliteSweeper } from './sweeper.js';

export { SqliteStoreError } from './errors.js';
export type { KeyvSqliteAdapter, SqliteDatabase, SqliteSource, SqliteStatement } from './source.js';
export { isKeyvSqlite, isSqliteDatabase } from './source.js';

/** Options of {@link sqliteStore}. */
export interface SqliteStoreOptions {
  /**
   * The table: letters, digits and `_`, at most 50 characters. The store creates a missing table. Default: the `table`
   * of the Keyv adapter unless that is `keyv`, else `credential_relay_mailbox`.
   */
  readonly table?: string | undefined;
  /**
   * Longest time, in ms, for which a call waits while another process holds the lock; then the call rejects with
   * SQLITE_BUSY. From 10 to 60,000, or 0 to reject at once. Default 1000.
   */
  readonly busyTimeoutMs?: number | undefined;
  /**
   * Most mailboxes, with the tombstones of deleted mailboxes until their deadline. Proofs for a single use (DPoP,
   * attestations) count as well, for the minutes until they expire. A create beyond the bound rejects. Default
   * 1,000,000; in memory 100,000.
   */
  readonly maximumMailboxes?: number | undefined;
  /**
   * Most bytes of all mailboxes, with 256 bytes per mailbox for the tables. The file may be larger by free pages. New
   * mailboxes may fill seven eighths; the rest is reserved for the growth of existing mailboxes. Default 1,073,741,824
   * (1 GiB); in memory 67,108,864 (64 MiB).
   */
  readonly maximumBytes?: number | undefined;
  /**
   * Returns the Unix time in ms, which decides whether an entry is live. Default `Date.now`, which all processes on a
   * file share, since they run on one machine.
   */
  readonly clock?: (() => number) | undefined;
}

const tableSchema = z
  .string('must be letters, digits and _, 50 characters at most')
  .regex(/^(?!sqlite_)[A-Za-z_][A-Za-z0-9_]{0,49}$/i, 'must be letters, digits and _, 50 characters at most');

const BUSY_TIMEOUT = 'must be 0, or milliseconds from 10 to 60000; 1000 are one second';
const busyTimeoutSchema = z.number(BUSY_TIMEOUT).refine((ms) => ms === 0 || (ms >= 10 && ms <= 60_000), BUSY_TIMEOUT);

const optionsSchema = z.strictObject({
  ...boundsSchemas,
  table: tableSchema.default('credential_relay_mailbox'),
  busyTimeoutMs: busyTimeoutSchema.default(1000),
  clock: clockSchema,
});

/**
 * Creates a mailbox store in an SQLite file: durable, without a server, for one machine. Any number of processes on the
 * machine may use a file at the same time, but not over a network file system. `sqlite::memory:` is a database of this
 * process only, and ends with the process.
 *
 * **Files.** The first call opens the file; its folder must exist. While the file cannot be opened, calls reject, and
 * each call tries again. The store creates a missing file for its owner only (0600), and its -wal and -shm files get
 * the same mode; an existing file or folder keeps its mode. The store stops writing to a file that was moved, removed
 * or replaced, or whose -wal or -shm file was (SQLITE_READONLY_DBMOVED): end all processes before you restore a backup,
 * or touch these files. For a Keyv adapter the store
 * uses a file beside that of the adapter, with the suffix `.relay`. Do not open the file of the store in the same
 * process with another SQLite library: the two do not see each other's locks, which can damage the file.
 *
 * **Durability.** An acknowledged write survives kill -9. Each commit is flushed to the disk (`synchronous = FULL`), so
 * a write also survives a loss of power, if the disk does not lie about flushes. A database of the host keeps its own
 * settings.
 *
 * **Event loop.** SQLite runs in the event loop: each commit blocks it for one flush to the disk. Changes that arrive
 * during a flush share the next commit. Waiting for the lock of another process does not block the event loop.
 *
 * **Erasure.** SQLite overwrites deleted content (`secure_delete`, also on a connection of the host). After a sweep
 * that erased rows, the store empties the write-ahead log, and rewrites its file if it is no larger than 4 MiB, as
 * SQLite leaves copies of moved rows in unused parts of its pages. In larger files, and in those of the host, these
 * copies (less than 1 % of the rows, and ciphertext like all content) stay until the page is used again, or until a
 * `VACUUM`.
 *
 * **Bounds.** A full store rejects with a `StoreFullError`: a create that would exceed a bound after the store
 * has erased expired entries, a replace that would exceed `maximumBytes` (unless the mailbox stays within the blocks of
 * 2 KiB that it occupies), and a write for which SQLite has no space (SQLITE_FULL: the disk, `max_page_count`). The
 * store never drops a live mailbox.
 *
 * **Errors.** A call rejects with a {@link SqliteStoreError}: with the `code` of SQLite, such as SQLITE_READONLY,
 * SQLITE_CANTOPEN, SQLITE_CORRUPT or SQLITE_NOTADB; with SQLITE_BUSY after `busyTimeoutMs`, while 10,000 changes or 64
 * MiB wait, or while the host has a transaction open on its connection; with `store_closed` after `close`; and with
 * `package_missing` or `package_unusable` if the package `libsql`, which the store imports at the first call for any
 * source but an open database, is missing or cannot be loaded. A value that is not text, or that contains U+0000, at
 * which libsql truncates text, rejects with a TypeError.
 *
 * @param source - A path, `sqlite:./relay.db`, `file:./relay.db` or `sqlite::memory:`, without parameters; a Keyv SQLite
 *   adapter; or an open database of libsql or better-sqlite3, which the store never closes.
 * @throws TypeError for an invalid source or option
 * @example
 * ```ts
 * const store = sqliteStore('./relay.db', { maximumBytes: 10 * 1024 ** 3 });
 * const relay = createRelay({ publicUrl: 'https://example.com/relay', store, keys });
 * ```
 * @see https://www.sqlite.org/wal.html, https://www.sqlite.org/pragma.html#pragma_secure_delete,
 *   https://www.sqlite.org/howtocorrupt.html and https://www.sqlite.org/rescode.html
 */
export function sqliteStore(source: SqliteSource, options: SqliteStoreOptions = {}): MailboxStore {
  const target = resolveTarget(source);
  const {
    table,
    busyTimeoutMs,
    clock = Date.now,
    ...given
  } = parseOptions('sqliteStore', optionsSchema, {
    ...options,
    table: options.table ?? getKeyvTable(source),
  });
  const inMemory = isInMemory(target);
  const bounds = resolveBounds(given, inMemory ? MEMORY_BOUNDS : FILE_BOUNDS);
  const connector = createConnector(target, table);
  const queue = new GroupCommitQueue(connector, busyTimeoutMs, clock);
  const sweeper = new SqliteSweeper(queue, connector.owned);
  const rows = new BoundedRows(bounds, () => sweeper.requestCleanUp());

  return {
    capabilities: { atomic: inMemory ? 'process' : 'distributed', nativeExpiry: false, durable: !inMemory },
    get: (key) =>
      queue.run((connection) => {
        const entry = readEntry(connection, key);
        return entry !== undefined && entry.expiresAt > clock() ? entry : undefined;
      }),
    revision: (key) => queue.run((connection) => readRevision(connection, key, clock())),
    async create(key, value, expiresAt) {
      assertStorableText(value);
      assertDeadline(expiresAt);
      return queue.write((connection, now) => rows.create(connection, now, key, value, expiresAt), value.length);
    },
    async replace(key, revision, value, expiresAt) {
      assertStorableText(value);
      if (expiresAt !== undefined) assertDeadline(expiresAt);
      return queue.write(
        (connection, now) => rows.replace(connection, now, key, revision, value, expiresAt),
        value.length,
      );
    },
    sweep: (limit) => sweeper.sweep(limit),
    async ping() {
      const used = await queue.write(probe).catch((cause) => {
        throw isStoreFull(cause) ? createFailure({ code: 'SQLITE_FULL' }) : cause;
      });
      return { clockSkewMs: 0, usage: { ...used, ...bounds } };
    },
    async close() {
      await queue.close();
      connector.close();
    },
  };
}

function probe(connection: SqliteConnection, now: number): UsedSpace {
  tryToWrite(connection, now);
  return readUsedSpace(connection);
}

function isInMemory(target: SqliteTarget): boolean {
  return 'file' in target ? target.file === IN_MEMORY : target.database.memory === true;
}

function getKeyvTable(source: SqliteSource): string | undefined {
  return isKeyvSqlite(source) && source.opts.table !== 'keyv' ? source.opts.table : undefined;
}

function assertStorableText(value: StoredValue): asserts value is string {
  assertText(value, 'The SQLite store');
  if (value.includes('\0')) throw new TypeError('The SQLite store keeps text without U+0000 only.');
}
