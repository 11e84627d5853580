import { resolve } from 'node:path';

/** The members of a statement that the store uses, as in libsql, better-sqlite3 and node:sqlite. */
export interface SqliteStatement {
  run(...parameters: (string | number)[]): { readonly changes: number | bigint };
  all(...parameters: (string | number)[]): unknown[];
}

/** An open database of the host: a `Database` of libsql or better-sqlite3, or an object with the same members. */
export interface SqliteDatabase {
  prepare(sql: string): SqliteStatement;
  exec(sql: string): unknown;
  /** True while a transaction is open on this connection. */
  readonly inTransaction: boolean;
  /** True for a database in memory. */
  readonly memory?: boolean;
}

/** The members of a Keyv SQLite adapter (`new KeyvSqlite('sqlite://relay.db')`) that name its file. */
export interface KeyvSqliteAdapter {
  readonly opts: {
    readonly dialect: 'sqlite';
    readonly uri?: string | undefined;
    readonly db?: string | undefined;
    readonly table?: string | undefined;
  };
}

/** A path or `sqlite:` URL, a Keyv SQLite adapter, or an open database. */
export type SqliteSource = string | KeyvSqliteAdapter | SqliteDatabase;

/** A database that the host opened, or a file for the store to open (an absolute path or `:memory:`). */
export type SqliteTarget = { readonly database: SqliteDatabase } | { readonly file: string };

/** The path of a database in memory. */
export const IN_MEMORY = ':memory:';

/** The suffix for the file of a Keyv adapter: see {@link resolveTarget}. */
const KEYV_FILE_SUFFIX = '.relay';

/** True for a Keyv SQLite adapter, of any version or copy of `@keyv/sqlite`. */
export function isKeyvSqlite(value: unknown): value is KeyvSqliteAdapter {
  if (typeof value !== 'object' || value === null || !('opts' in value)) return false;
  const { opts } = value;
  return (
    typeof opts === 'object' &&
    opts !== null &&
    Reflect.get(opts, 'dialect') === 'sqlite' &&
    (typeof Reflect.get(opts, 'db') === 'string' || typeof Reflect.get(opts, 'uri') === 'string')
  );
}

function isSqliteDatabase(value: unknown): value is SqliteDatabase {
  return (
    typeof value === 'object' &&
    value !== null &&
    ['prepare', 'exec'].every((name) => typeof Reflect.get(value, name) === 'function') &&
    typeof Reflect.get(value, 'inTransaction') === 'boolean'
  );
}

/**
 * Resolves a source to its target. A Keyv adapter holds its file open through another SQLite library. Two SQLite
 * libraries in a process do not see each other's locks on a file, so the mailboxes get a separate file with the suffix
 * `.relay`.
 *
 * @throws TypeError for an invalid source; the message repeats nothing of the source
 * @see https://www.sqlite.org/howtocorrupt.html §2.2.1
 */
export function resolveTarget(source: SqliteSource): SqliteTarget {
  if (typeof source === 'string') return { file: parseFile(source) };
  if (isKeyvSqlite(source)) {
    const file = parseFile(source.opts.db ?? source.opts.uri ?? '');
    return { file: file === IN_MEMORY ? IN_MEMORY : file + KEYV_FILE_SUFFIX };
  }
  if (isSqliteDatabase(source)) return { database: source };
  throw new TypeError('sqliteStore: takes a path, a sqlite: URL, a Keyv SQLite adapter or an open database');
}

/** Parses a path or `sqlite:` URL. The text after the scheme is a literal path, as in Keyv. */
function parseFile(source: string): string {
  const path = source.replace(/^sqlite:(\/\/)?/i, '');
  if (path === IN_MEMORY) return IN_MEMORY;
  if (path === '' || path.includes('\0')) throw new TypeError('sqliteStore: this path names no file');
  // libsql treats some of these URLs as a database on another machine.
  if (/^[a-z][a-z0-9+.-]+:/i.test(path)) {
    throw new TypeError('sqliteStore: takes a path or a sqlite: URL, no other URL');
  }
  return resolve(path);
}
