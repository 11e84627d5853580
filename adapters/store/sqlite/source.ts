import { resolve } from 'node:path';
import { parseUrlParameters } from '../url-parameters.js';

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
export type SqliteSource = string | URL | KeyvSqliteAdapter | SqliteDatabase;

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

/** True for an open database of libsql or better-sqlite3. */
export function isSqliteDatabase(value: unknown): value is SqliteDatabase {
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
  if (typeof source === 'string' || source instanceof URL) return { file: parseFile(String(source)) };
  if (isKeyvSqlite(source)) {
    const file = parseFile(source.opts.db ?? source.opts.uri ?? '');
    return { file: file === IN_MEMORY ? IN_MEMORY : file + KEYV_FILE_SUFFIX };
  }
  if (isSqliteDatabase(source)) return { database: source };
  if (source === undefined)
    throw wrong('the source is undefined; if it comes from an environment variable, set the variable');
  throw wrong('takes a path, a sqlite: URL, a Keyv SQLite adapter or an open database of libsql or better-sqlite3');
}

/**
 * Parses a path, a `sqlite:` URL or a `file:` URL. The text after `sqlite:` is a literal path, as in Keyv. A parameter
 * would become a part of the file name, so the store refuses each one.
 */
function parseFile(given: string): string {
  const source = given.trim();
  const [, scheme = ''] = /^(sqlite|file):/i.exec(source) ?? [];
  const rest = source.slice(scheme === '' ? 0 : scheme.length + 1);
  const [text = '', ...query] = scheme === '' ? splitParameters(rest) : rest.split('?');
  parseUrlParameters('sqliteStore', query.join('?'), {});
  const path = scheme.toLowerCase() === 'file' ? parseFileUrl(text) : text.replace(scheme === '' ? '' : /^\/\//, '');
  if (path === IN_MEMORY) return IN_MEMORY;
  if (path === '') throw wrong('the name of the file is missing; write sqlite:./relay.db, or sqlite::memory:');
  if (path.includes('\0')) throw wrong('the path holds a NUL character');
  // libsql treats some of these URLs as a database on another machine.
  if (/^[a-z][a-z0-9+.-]+:/i.test(path)) throw wrong('takes a path or a sqlite: URL, no other URL; see storeFromUrl');
  if (/^(?:~|\$\{?\w+\}?)[\\/]/.test(path))
    throw wrong('the path begins with ~ or a variable, which no shell has expanded');
  if (/[\\/]$/.test(path)) throw wrong('the path names a folder; add the name of the file, such as relay.db');
  return resolve(path);
}

/** A path may hold a question mark, but no `?name=value`, which somebody meant as a parameter. */
function splitParameters(path: string): string[] {
  const start = path.search(/\?[A-Za-z_][\w.]*=/);
  return start < 0 ? [path] : [path.slice(0, start), path.slice(start + 1)];
}

/** SQLite and other tools read `file:relay.db` as a relative path, and `file:///var/relay.db` as an absolute one. */
function parseFileUrl(text: string): string {
  const [, host = '', path = ''] = /^(?:\/\/([^/]*))?(.*)$/s.exec(text) ?? [];
  if (host !== '' && host.toLowerCase() !== 'localhost') {
    throw wrong('a file: URL names no host; write file:./relay.db, or file:///var/lib/relay.db');
  }
  try {
    return decodeURIComponent(path);
  } catch {
    throw wrong('the file: URL holds a % that begins no percent form; write % as %25');
  }
}

function wrong(message: string): TypeError {
  return new TypeError(`sqliteStore: ${message}`);
}
