import { accessSync, constants, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { StoreError } from '../../../src/relay/store/contract.js';

/**
 * A failed call of the SQLite store. `code` is the result code of SQLite (`SQLITE_BUSY`, `SQLITE_CANTOPEN`,
 * `SQLITE_CORRUPT`, `SQLITE_IOERR`, `SQLITE_NOTADB`, `SQLITE_READONLY`, `SQLITE_READONLY_DBMOVED`), `package_missing`,
 * `package_unusable` or `store_closed`. `message` names the cause and the remedy.
 *
 * @see https://www.sqlite.org/rescode.html
 */
export class SqliteStoreError extends StoreError {
  override readonly name = 'SqliteStoreError';
}

/** True if another connection holds a lock: the caller may try again. */
export function isBusy(error: unknown): boolean {
  return /^SQLITE_(BUSY|LOCKED)/.test(getErrorCode(error));
}

/** Returns the `code` of an error, or ''. */
export function getErrorCode(error: unknown): string {
  // Without `instanceof`: Jest runs this module and Node's errors in two realms.
  const code = typeof error === 'object' && error !== null ? Reflect.get(error, 'code') : undefined;
  return typeof code === 'string' ? code : '';
}

export function closedError(): SqliteStoreError {
  return new SqliteStoreError('store_closed', 'The store is closed.');
}

export function overloadedError(): SqliteStoreError {
  return new SqliteStoreError(
    'SQLITE_BUSY',
    'Too many changes wait for SQLite; check the disk, and who locks the file.',
  );
}

/** `subject` is the start of the sentence. */
export function movedError(subject: string): SqliteStoreError {
  return new SqliteStoreError(
    'SQLITE_READONLY_DBMOVED',
    `${subject} moved, removed or replaced while the relay ran; end all processes that use the database, put the file ` +
      'back if you have it, and start again.',
  );
}

/** The names of the primary result codes that libsql gives as a number only. */
const NAMES: Readonly<Record<number, string>> = {
  1: 'SQLITE_ERROR',
  3: 'SQLITE_PERM',
  5: 'SQLITE_BUSY',
  6: 'SQLITE_LOCKED',
  7: 'SQLITE_NOMEM',
  8: 'SQLITE_READONLY',
  10: 'SQLITE_IOERR',
  11: 'SQLITE_CORRUPT',
  13: 'SQLITE_FULL',
  14: 'SQLITE_CANTOPEN',
  15: 'SQLITE_PROTOCOL',
  17: 'SQLITE_SCHEMA',
  19: 'SQLITE_CONSTRAINT',
  22: 'SQLITE_NOLFS',
  23: 'SQLITE_AUTH',
  26: 'SQLITE_NOTADB',
};

/** Errors of Node for the file itself. */
const SYSTEM_CODES: Readonly<Record<string, string>> = {
  EACCES: 'SQLITE_CANTOPEN',
  EDQUOT: 'SQLITE_FULL',
  EISDIR: 'SQLITE_CANTOPEN',
  EMFILE: 'SQLITE_CANTOPEN',
  ENOENT: 'SQLITE_CANTOPEN',
  ENOSPC: 'SQLITE_FULL',
  ENOTDIR: 'SQLITE_CANTOPEN',
  EPERM: 'SQLITE_CANTOPEN',
  EROFS: 'SQLITE_CANTOPEN',
};

const SENTENCES: Readonly<Record<string, string>> = {
  SQLITE_AUTH: 'The host forbids a statement of the relay on its database; give the relay a file of its own.',
  SQLITE_BUSY:
    'Another program or process held the lock of the database for longer than busyTimeoutMs; end the other program, or ' +
    'raise busyTimeoutMs.',
  SQLITE_CANTOPEN:
    'The database file cannot be opened; check the path, the rights of its folder, and the limit of open files.',
  SQLITE_CONSTRAINT:
    'The table of the relay refuses a row, so it was changed by hand; give the relay another table or file.',
  SQLITE_CORRUPT:
    'The database file is damaged; end all processes, and restore a backup or move the file away with its ' +
    '-wal and -shm files.',
  SQLITE_ERROR:
    'The table of the relay is missing or was changed by hand; restore it, or give the relay another table or file.',
  SQLITE_FULL: 'The database, or its disk, is full; free space there.',
  SQLITE_IOERR:
    'The disk failed while SQLite read or wrote the database; check the disk, and that the file is on no ' +
    'network drive.',
  SQLITE_LOCKED: 'Another statement of the host locks the table; give the relay a connection or a file of its own.',
  SQLITE_NOTADB: 'The file is no SQLite database, or is encrypted; give the relay the path of another file.',
  SQLITE_PERM: 'The system denies access to the database file; make the file and its folder writable for this process.',
  SQLITE_PROTOCOL: 'The locks of the database file do not work; keep the file on a local disk, not on a network drive.',
  SQLITE_READONLY: 'The database can only be read; make the file and its folder writable for this process.',
};

/**
 * Converts any failure to a SqliteStoreError. The sentence is ours, since SQLite quotes parts of statements.
 *
 * @param file - The path of the database, to find out why it cannot be used. Absent for a database of the host.
 */
export function createFailure(error: unknown, file?: string): SqliteStoreError {
  if (error instanceof SqliteStoreError) return error;
  const code = readCode(error);
  const primary = /^SQLITE_[A-Z]+/.exec(code)?.[0] ?? '';
  const isAccess = ['SQLITE_CANTOPEN', 'SQLITE_READONLY', 'SQLITE_PERM', 'SQLITE_IOERR'].includes(primary);
  const sentence =
    (isAccess && file !== undefined ? explainAccess(file) : undefined) ??
    SENTENCES[primary] ??
    `SQLite failed (${code}); see https://www.sqlite.org/rescode.html.`;
  return new SqliteStoreError(code, sentence, { cause: error });
}

/** The result code, by its name. */
function readCode(error: unknown): string {
  const code = getErrorCode(error);
  if (code.startsWith('SQLITE_')) return code;
  if (SYSTEM_CODES[code] !== undefined) return SYSTEM_CODES[code];
  // libsql: UNKNOWN_SQLITE_ERROR_1544, and `ConnectionFailed("Unable to open connection to local database …: 14")`.
  const message = typeof error === 'object' && error !== null ? String(Reflect.get(error, 'message')) : '';
  const number =
    /^UNKNOWN_SQLITE_ERROR_(\d+)$/.exec(code)?.[1] ?? /^ConnectionFailed\(.*: (\d+)"?\)$/s.exec(message)?.[1];
  return NAMES[Number(number) & 0xff] ?? 'SQLITE_ERROR';
}

/** Looks for the reason why a file cannot be used. Undefined if none is found. */
function explainAccess(file: string): string | undefined {
  const folder = dirname(file);
  if (isDirectory(file)) return 'The path of the database names a folder; add the name of the file, such as relay.db.';
  if (!isDirectory(folder))
    return 'The folder of the database file does not exist; create the folder, or correct the path.';
  if (isDenied(file, constants.R_OK | constants.W_OK)) {
    return 'This process may not read and write the database file; change the owner or the mode of the file.';
  }
  // SQLite creates the -wal and -shm files there, also for a file that exists.
  if (isDenied(folder, constants.W_OK | constants.X_OK)) {
    return 'The folder of the database file is read-only for this process; SQLite needs write permission for the folder too.';
  }
  for (const suffix of ['-wal', '-shm']) {
    if (isDenied(file + suffix, constants.R_OK | constants.W_OK)) {
      return `This process may not read and write the ${suffix} file beside the database; change its owner or its mode.`;
    }
  }
  return undefined;
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/** False for a missing file. */
function isDenied(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return false;
  } catch (error) {
    return ['EACCES', 'EPERM', 'EROFS'].includes(getErrorCode(error));
  }
}
