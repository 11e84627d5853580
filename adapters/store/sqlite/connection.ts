import { closeSync, openSync, statSync } from 'node:fs';
import { toPackageError } from '../../shared/import-package.js';
import { createFailure, movedError, SqliteStoreError } from './errors.js';
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
  /** Loads the library; resolves at once after the first time. `getConnection` needs the library. */
  load(): Promise<void> | undefined;
  /**
   * Returns the open connection, or opens one. After a failure the next call tries again. `isWrite` is true for a call
   * that changes something.
   */
  getConnection(isWrite: boolean): SqliteConnection;
  /** Converts any failure of the connection. */
  explain(error: unknown): SqliteStoreError;
  /** Drops the connection after a failure, or at least its statements. */
  reset(): void;
  /** Closes a database that the store opened. */
  close(): void;
}

/** Opens nothing before the first call: a relay starts without access to the file, and recovers with it. */
export function createConnector(target: SqliteTarget, table: string): SqliteConnector {
  return 'database' in target ? new HostConnector(target.database, table) : new FileConnector(target.file, table);
}

class FileConnector implements SqliteConnector {
  readonly owned = true;
  readonly #file: string;
  readonly #table: string;
  #Database: DatabaseConstructor | undefined;
  #open: { readonly connection: SqliteConnection; readonly database: OwnedDatabase } | undefined;
  /** The file, and its -wal and -shm files while a connection is open. */
  #ids: readonly (string | undefined)[] = [];
  #isMoved = false;
  #checkedAt = Number.NEGATIVE_INFINITY;

  constructor(file: string, table: string) {
    this.#file = file;
    this.#table = table;
  }

  load(): Promise<void> | undefined {
    if (this.#Database !== undefined) return undefined;
    return loadLibsql().then((Database) => {
      this.#Database = Database;
    });
  }

  getConnection(isWrite: boolean): SqliteConnection {
    this.#assertFiles(isWrite);
    if (this.#open !== undefined) return this.#open.connection;
    if (this.#Database === undefined) throw new Error('The connector has loaded no library.');
    const database = openFile(this.#Database, this.#file);
    try {
      this.#open = { database, connection: prepareConnection(database, this.#table) };
    } catch (error) {
      database.close();
      throw createFailure(error, this.#file);
    }
    if (this.#file !== IN_MEMORY) this.#ids = SUFFIXES.map((suffix) => readFileId(this.#file + suffix));
    return this.#open.connection;
  }

  explain(error: unknown): SqliteStoreError {
    return createFailure(error, this.#file === IN_MEMORY ? undefined : this.#file);
  }

  /**
   * Data in a deleted file is lost at the next start, and other processes do not see it. Without its -wal file a
   * database lacks every change since the last checkpoint. One `stat` takes about 3 µs, a fifth of a read, so reads
   * look at the -wal and -shm files once per {@link LOG_CHECK_MS} only.
   */
  #assertFiles(isWrite: boolean): void {
    const [file, ...logs] = this.#ids;
    if (file !== undefined && file !== readFileId(this.#file)) throw movedError('The database file was');
    // Another connection to the file, in this process, would find the deleted files in use: only a restart helps.
    if (this.#isMoved) throw movedError('The -wal or -shm file beside the database was');
    const now = performance.now();
    if (this.#open === undefined || (!isWrite && now < this.#checkedAt + LOG_CHECK_MS)) return;
    this.#checkedAt = now;
    if (logs.every((id, index) => id === readFileId(this.#file + SUFFIXES[index + 1]))) return;
    this.#isMoved = true;
    this.#saveLog(logs);
    throw movedError('The -wal or -shm file beside the database was');
  }

  /** Writes the changes in a deleted log to the database, unless another process has begun a new log. */
  #saveLog(logs: readonly (string | undefined)[]): void {
    const found = logs.map((_id, index) => readFileId(this.#file + SUFFIXES[index + 1]));
    if (found.some((id, index) => id !== undefined && id !== logs[index])) return;
    try {
      this.#open?.database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    } catch {
      // The changes since the last checkpoint are lost at the end of this process.
    }
  }

  reset(): void {
    // A database in memory would end with its connection.
    if (this.#file !== IN_MEMORY && !this.#isMoved) this.close();
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

  load(): undefined {
    return undefined;
  }

  explain(error: unknown): SqliteStoreError {
    return createFailure(error);
  }

  getConnection(): SqliteConnection {
    // The host could roll back a change that the store has acknowledged.
    if (this.#database.inTransaction) {
      throw new SqliteStoreError(
        'SQLITE_BUSY',
        'A transaction of the host is open on this connection; end it, or give the store a connection of its own.',
      );
    }
    this.#connection ??= prepareConnection(this.#database, this.#table);
    return this.#connection;
  }

  reset(): void {
    this.#connection = undefined;
  }

  close(): void {}
}

/** A database, its write-ahead log, and the index of the log. */
const SUFFIXES = ['', '-wal', '-shm'] as const;

/** Reads check the -wal and -shm files at this interval, in ms. */
const LOG_CHECK_MS = 100;

/**
 * Loads the `Database` of libsql, a CommonJS module whose export is a function.
 *
 * @throws SqliteStoreError that names the package and the command to install it
 */
async function loadLibsql(): Promise<DatabaseConstructor> {
  try {
    const module = await import('libsql');
    return module.default as unknown as DatabaseConstructor;
  } catch (cause) {
    const { code, message } = toPackageError('sqliteStore', 'libsql', cause);
    throw new SqliteStoreError(code, message, { cause });
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
  let database: OwnedDatabase | undefined;
  try {
    createPrivateFile(file);
    // Time-out 0: SQLite would wait for a lock in the event loop. GroupCommitQueue waits instead.
    database = new Database(file, { timeout: 0 });
    // FULL: a commit is on the disk when it returns. MEMORY: VACUUM writes no temporary copy to the disk.
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;');
    return database;
  } catch (error) {
    database?.close();
    throw createFailure(error, file);
  }
}

function prepareConnection(database: SqliteDatabase, table: string): SqliteConnection {
  createTable(database, table);
  return { database, ...prepareStatements(database, table) };
}
