import { closeSync, openSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { SqliteStoreError } from './errors.js';
import { createTable } from './schema.js';
import { IN_MEMORY, type SqliteDatabase, type SqliteTarget } from './source.js';
import { prepareStatements, type SqliteStatements } from './statements.js';

/** An open database with its prepared statements. */
export interface SqliteConnection extends SqliteStatements {
  readonly database: SqliteDatabase;
}

/** A database that the store opened and closes. */
type OwnedDatabase = SqliteDatabase & { close(): void };
type DatabaseConstructor = new (path: string, options: { readonly timeout: number }) => OwnedDatabase;

/** Opens connections to a target, on demand. */
export interface SqliteConnector {
  /** True if the store opens the database; false for a database of the host. */
  readonly owned: boolean;
  /** Returns the open connection, or opens one. After a failure the next call tries again. */
  getConnection(): SqliteConnection;
  /** Drops the connection after a failure, or at least its statements. */
  reset(): void;
  /** Closes a database that the store opened. */
  close(): void;
}

/** Opens nothing before the first call: a relay starts without access to the file, and recovers with it. */
export function createConnector(target: SqliteTarget, table: string): SqliteConnector {
  return 'database' in target
    ? new HostConnector(target.database, table)
    : new FileConnector(loadLibsql(), target.file, table);
}

class FileConnector implements SqliteConnector {
  readonly owned = true;
  readonly #Database: DatabaseConstructor;
  readonly #file: string;
  readonly #table: string;
  #open: { readonly connection: SqliteConnection; readonly database: OwnedDatabase } | undefined;
  #fileId: string | undefined;

  constructor(Database: DatabaseConstructor, file: string, table: string) {
    this.#Database = Database;
    this.#file = file;
    this.#table = table;
  }

  getConnection(): SqliteConnection {
    // Data in a deleted file is lost at the next start, and other processes do not see it.
    if (this.#fileId !== undefined && this.#fileId !== readFileId(this.#file)) {
      throw new SqliteStoreError('SQLITE_READONLY_DBMOVED', 'The database file was moved, removed or replaced.');
    }
    if (this.#open !== undefined) return this.#open.connection;
    const database = openFile(this.#Database, this.#file);
    try {
      this.#open = { database, connection: prepareConnection(database, this.#table) };
    } catch (error) {
      database.close();
      throw error;
    }
    if (this.#file !== IN_MEMORY) this.#fileId ??= readFileId(this.#file);
    return this.#open.connection;
  }

  reset(): void {
    // A database in memory would end with its connection.
    if (this.#file !== IN_MEMORY) this.close();
  }

  close(): void {
    // libsql holds the file handle, but no lock, until its last statement is garbage-collected.
    this.#open?.database.close();
    this.#open = undefined;
  }
}

class HostConnector implements SqliteConnector {
  readonly owned = false;
  readonly #database: SqliteDatabase;
  readonly #table: string;
  #connection: SqliteConnection | undefined;

  constructor(database: SqliteDatabase, table: string) {
    this.#database = database;
    this.#table = table;
  }

  getConnection(): SqliteConnection {
    // The host could roll back a change that the store has acknowledged.
    if (this.#database.inTransaction) {
      throw new SqliteStoreError('SQLITE_BUSY', 'A transaction of the host is open on this connection.');
    }
    this.#connection ??= prepareConnection(this.#database, this.#table);
    return this.#connection;
  }

  reset(): void {
    this.#connection = undefined;
  }

  close(): void {}
}

/**
 * Loads the `Database` of libsql.
 *
 * @throws SqliteStoreError that names the package and the command to install it
 */
export function loadLibsql(require: (name: string) => unknown = createRequire(import.meta.url)): DatabaseConstructor {
  try {
    return require('libsql') as DatabaseConstructor;
  } catch (cause) {
    // The binary for this platform may be missing as well (npm's --omit=optional).
    const message = 'sqliteStore: the package libsql is not there, or not for this platform; npm install libsql';
    throw new SqliteStoreError('missing_package', message, { cause });
  }
}

/** Identifies a file, to detect another file under the same path; undefined for a missing file. */
function readFileId(file: string): string | undefined {
  const stats = statSync(file, { throwIfNoEntry: false });
  return stats === undefined ? undefined : `${stats.dev}:${stats.ino}`;
}

/**
 * Creates a missing file for its owner only (0600), as SQLite would make the file readable for all users. SQLite copies
 * the mode to the -wal and -shm files. An existing file keeps its mode.
 */
function createPrivateFile(file: string): void {
  if (file === IN_MEMORY || statSync(file, { throwIfNoEntry: false }) !== undefined) return;
  closeSync(openSync(file, 'a', 0o600));
}

function openFile(Database: DatabaseConstructor, file: string): OwnedDatabase {
  let database: OwnedDatabase;
  try {
    createPrivateFile(file);
    // Time-out 0: SQLite would wait for a lock in the event loop. GroupCommitQueue waits instead.
    database = new Database(file, { timeout: 0 });
  } catch (cause) {
    throw new SqliteStoreError('SQLITE_CANTOPEN', 'The database file cannot be opened.', { cause });
  }
  try {
    // FULL: a commit is on the disk when it returns. MEMORY: VACUUM writes no temporary copy to the disk.
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;');
  } catch (error) {
    database.close();
    throw error;
  }
  return database;
}

function prepareConnection(database: SqliteDatabase, table: string): SqliteConnection {
  createTable(database, table);
  return { database, ...prepareStatements(database, table) };
}
