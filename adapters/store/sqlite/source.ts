import { resolve } from 'node:path';

/** The bytes of a statement that the store uses; libsql's, better-sqlite3's and node:sqlite's statements fit. */
export interface SqliteStatement {
  run(...parameters: (string | number)[]): { readonly changes: number | bigint };
  all(...parameters: (string | number)[]): unknown[];
}

/** An open database that the host owns: a `Database` of libsql or better-sqlite3, or what is used like one. */
export interface SqliteDatabase {
  prepare(sql: string): SqliteStatement;
  exec(sql: string): unknown;
  /** True while a transaction is open on this connection. */
  readonly inTransaction: boolean;
  /** True for a database in memory. */
  readonly memory?: boolean;
}

/** The part of a Keyv SQLite adapter (`new KeyvSqlite('sqlite://relay.db')`) that says where its file is. */
export interface KeyvSqliteAdapter {
  readonly opts: {
    readonly dialect: 'sqlite';
    readonly uri?: string | undefined;
    readonly db?: string | undefined;
    readonly table?: string | undefined;
  };
}

/** What `sqliteStore` takes: a path or `sqlite:` URL, a Keyv SQLite adapter, or an open database. */
export type SqliteSource = string | KeyvSqliteAdapter | SqliteDatabase;

/** A source, understood: a database that somebody else opened, or a file that we open (absolute path or `:memory:`). */
export type SqliteTarget = { readonly database: SqliteDatabase } | { readonly file: string };

const MEMORY = ':memory:';

/** Appended to a Keyv adapter's file: see {@link targetOf}. */
const BESIDE_KEYV = '.relay';

/** True for a Keyv SQLite adapter, by its shape: any version of `@keyv/sqlite`, or a copy of it. */
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

/** True for an open database, by its shape. */
export function isSqliteDatabase(value: unknown): value is SqliteDatabase {
  return (
    typeof value === 'object' &&
    value !== null &&
    ['prepare', 'exec'].every((name) => typeof Reflect.get(value, name) === 'function') &&
    typeof Reflect.get(value, 'inTransaction') === 'boolean'
  );
}

/**
 * Where a source leads. A Keyv adapter holds its file open through another SQLite library, and two of these in one
 * process on one file do not see each other's locks (sqlite.org/howtocorrupt.html §2.2.1): so the mailboxes get a file
 * of their own beside it, with `.relay` appended.
 *
 * Throws a TypeError for what can never become a database; its text repeats nothing of the source.
 */
export function targetOf(source: SqliteSource): SqliteTarget {
  if (typeof source === 'string') return { file: fileOf(source) };
  if (isKeyvSqlite(source)) {
    const file = fileOf(source.opts.db ?? source.opts.uri ?? '');
    return { file: file === MEMORY ? MEMORY : file + BESIDE_KEYV };
  }
  if (isSqliteDatabase(source)) return { database: source };
  throw new TypeError('sqliteStore: takes a path, a sqlite: URL, a Keyv SQLite adapter or an open database');
}

/** The file that a path or `sqlite:` URL names; what follows the scheme is taken literally, as Keyv does. */
function fileOf(source: string): string {
  const path = source.replace(/^sqlite:(\/\/)?/i, '');
  if (path === MEMORY) return MEMORY;
  if (path === '' || path.includes('\0')) throw new TypeError('sqliteStore: this path names no file');
  // libsql would take some of these for a database on another machine.
  if (/^[a-z][a-z0-9+.-]+:/i.test(path))
    throw new TypeError('sqliteStore: takes a path or a sqlite: URL, no other URL');
  return resolve(path);
}
