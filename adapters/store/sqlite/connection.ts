import { closeSync, openSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { setUpTable } from './schema.js';
import type { SqliteDatabase, SqliteStatement, SqliteTarget } from './source.js';

/** An open database with its statements, prepared once. */
export interface SqliteConnection {
  readonly database: SqliteDatabase;
  /** key → value, expires_at */
  readonly read: SqliteStatement;
  /** key, value, expires_at, now */
  readonly create: SqliteStatement;
  /** value, key, now, revision */
  readonly replace: SqliteStatement;
  /** value, expires_at, key, now, revision */
  readonly replaceAndMove: SqliteStatement;
  /** now, limit */
  readonly erase: SqliteStatement;
  /** key, now → revision; reads no value */
  readonly revision: SqliteStatement;
  /** → mailboxes, bytes (of the values) */
  readonly held: SqliteStatement;
  /** key, now, revision → bytes (of the value) */
  readonly size: SqliteStatement;
}

/** A database that we opened, and so may close. */
type OwnDatabase = SqliteDatabase & { close(): void };
type DatabaseConstructor = new (path: string, options: { readonly timeout: number }) => OwnDatabase;

/** An error of this adapter, with a `code` for events. */
export class SqliteStoreError extends Error {
  override readonly name = 'SqliteStoreError';
  constructor(
    readonly code: string,
    message: string,
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
  }
}

/** True if another connection holds what this call needs: to be tried again. */
export function isBusy(error: unknown): boolean {
  return /^SQLITE_(BUSY|LOCKED)/.test(codeOf(error));
}

/** The `code` of an error, or ''. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** The `Database` of libsql. Throws an Error that names the missing package and the command that installs it. */
export function loadLibsql(require: (name: string) => unknown = createRequire(import.meta.url)): DatabaseConstructor {
  try {
    return require('libsql') as DatabaseConstructor;
  } catch (cause) {
    // Also when its binary for this platform is missing (npm's --omit=optional).
    const message = 'sqliteStore: the package libsql is not there, or not for this platform; npm install libsql';
    throw new SqliteStoreError('missing_package', message, cause);
  }
}

/** Opens connections to one target, on demand. */
export interface SqliteConnector {
  /** The database is ours, not one of the host. */
  readonly owned: boolean;
  /** The open connection; opens one if there is none. Throws when that fails, and tries anew the next time. */
  connection(): SqliteConnection;
  /** After a failure: the next call opens, or at least prepares, anew. */
  renew(): void;
  /** Closes what was opened here. */
  close(): void;
}

/**
 * The connector of a target. Nothing is opened before the first call: a relay starts although the file cannot be
 * opened, and goes on once it can.
 */
export function sqliteConnector(target: SqliteTarget, table: string): SqliteConnector {
  if ('database' in target) return hostConnector(target.database, table);
  const Database = loadLibsql();
  const inMemory = target.file === ':memory:';
  let open: { readonly connection: SqliteConnection; readonly database: OwnDatabase } | undefined;
  let identity: string | undefined;
  // libsql ends a connection when its last statement is garbage: until then it holds a file handle, and no lock.
  const close = (): void => {
    open?.database.close();
    open = undefined;
  };
  return {
    owned: true,
    connection() {
      // What is written to a file that is gone is lost at the next start, and other processes do not see it.
      if (identity !== undefined && identity !== identityOf(target.file)) {
        throw new SqliteStoreError('SQLITE_READONLY_DBMOVED', 'The database file was moved, removed or replaced.');
      }
      if (open !== undefined) return open.connection;
      const database = openFile(Database, target.file);
      try {
        open = { database, connection: prepare(database, table) };
      } catch (error) {
        database.close();
        throw error;
      }
      if (!inMemory) identity ??= identityOf(target.file);
      return open.connection;
    },
    renew() {
      // A database in memory is in its connection only.
      if (!inMemory) close();
    },
    close,
  };
}

function hostConnector(database: SqliteDatabase, table: string): SqliteConnector {
  let prepared: SqliteConnection | undefined;
  return {
    owned: false,
    connection() {
      // What we acknowledge within a transaction of the host, the host could still roll back.
      if (database.inTransaction) {
        throw new SqliteStoreError('SQLITE_BUSY', 'A transaction of the host is open on this connection.');
      }
      prepared ??= prepare(database, table);
      return prepared;
    },
    renew() {
      prepared = undefined;
    },
    close() {},
  };
}

/** Tells one file from another under the same path; undefined where there is none. */
function identityOf(file: string): string | undefined {
  const stats = statSync(file, { throwIfNoEntry: false });
  return stats === undefined ? undefined : `${stats.dev}:${stats.ino}`;
}

/**
 * Makes the file where there is none, for its owner only (0600): SQLite would make it for everybody to read. Its -wal
 * and -shm files get its mode. One that is there keeps the mode that it has.
 */
function makePrivateFile(file: string): void {
  if (file === ':memory:' || statSync(file, { throwIfNoEntry: false }) !== undefined) return;
  closeSync(openSync(file, 'a', 0o600));
}

function openFile(Database: DatabaseConstructor, file: string): OwnDatabase {
  let database: OwnDatabase;
  try {
    makePrivateFile(file);
    // No waiting inside SQLite, where it would hold up the event loop: who is busy is asked again later.
    database = new Database(file, { timeout: 0 });
  } catch (cause) {
    throw new SqliteStoreError('SQLITE_CANTOPEN', 'The database file cannot be opened.', cause);
  }
  try {
    // FULL: a commit is on the disk when it returns. Temporary copies (of VACUUM) stay in memory.
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;');
  } catch (error) {
    database.close();
    throw error;
  }
  return database;
}

/** Prepares the statements, on a database whose table is made where it is missing. */
function prepare(database: SqliteDatabase, table: string): SqliteConnection {
  setUpTable(database, table);
  const live = 'key = ? AND expires_at > ? AND substr(value, 1, 16) = ?';
  return {
    database,
    read: database.prepare(`SELECT value, expires_at FROM "${table}" WHERE key = ?`),
    create: database.prepare(
      `INSERT INTO "${table}" AS t (key, value, expires_at) VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE
       SET value = excluded.value, expires_at = excluded.expires_at WHERE t.expires_at <= ?`,
    ),
    replace: database.prepare(`UPDATE "${table}" SET value = ? WHERE ${live}`),
    replaceAndMove: database.prepare(`UPDATE "${table}" SET value = ?, expires_at = ? WHERE ${live}`),
    erase: database.prepare(
      `DELETE FROM "${table}" WHERE key IN
       (SELECT key FROM "${table}" WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)`,
    ),
    // Named, as SQLite would else go by the key alone, and read all pages of the value.
    revision: database.prepare(
      `SELECT substr(value, 1, 16) AS revision FROM "${table}" INDEXED BY "${table}_revision" WHERE key = ? AND expires_at > ?`,
    ),
    held: database.prepare(`SELECT mailboxes, bytes FROM "${table}_held"`),
    size: database.prepare(`SELECT length(CAST(value AS BLOB)) AS bytes FROM "${table}" WHERE ${live}`),
  };
}
