import type { SqliteDatabase, SqliteStatement } from './source.js';

/** The statements of a connection, each prepared once. */
export interface SqliteStatements {
  /** key → value, expires_at */
  readonly read: SqliteStatement;
  /** key, value, expires_at, now */
  readonly create: SqliteStatement;
  /** value, key, now, revision */
  readonly replace: SqliteStatement;
  /** value, expires_at, key, now, revision */
  readonly replaceWithDeadline: SqliteStatement;
  /** now, limit */
  readonly erase: SqliteStatement;
  /** key */
  readonly remove: SqliteStatement;
  /** key, now → revision; reads no value */
  readonly revision: SqliteStatement;
  /** → mailboxes, bytes (of the values) */
  readonly usedSpace: SqliteStatement;
  /** key, now, revision → bytes (of the value) */
  readonly size: SqliteStatement;
}

export function prepareStatements(database: SqliteDatabase, table: string): SqliteStatements {
  const hasLiveRevision = 'key = ? AND expires_at > ? AND substr(value, 1, 16) = ?';
  return {
    read: database.prepare(`SELECT value, expires_at FROM "${table}" WHERE key = ?`),
    create: database.prepare(
      `INSERT INTO "${table}" AS t (key, value, expires_at) VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE
       SET value = excluded.value, expires_at = excluded.expires_at WHERE t.expires_at <= ?`,
    ),
    replace: database.prepare(`UPDATE "${table}" SET value = ? WHERE ${hasLiveRevision}`),
    replaceWithDeadline: database.prepare(`UPDATE "${table}" SET value = ?, expires_at = ? WHERE ${hasLiveRevision}`),
    erase: database.prepare(
      `DELETE FROM "${table}" WHERE key IN
       (SELECT key FROM "${table}" WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)`,
    ),
    remove: database.prepare(`DELETE FROM "${table}" WHERE key = ?`),
    // INDEXED BY: otherwise SQLite takes the index of keys, and reads all pages of the value.
    revision: database.prepare(
      `SELECT substr(value, 1, 16) AS revision FROM "${table}" INDEXED BY "${table}_revision"
       WHERE key = ? AND expires_at > ?`,
    ),
    usedSpace: database.prepare(`SELECT mailboxes, bytes FROM "${table}_held"`),
    size: database.prepare(`SELECT length(CAST(value AS BLOB)) AS bytes FROM "${table}" WHERE ${hasLiveRevision}`),
  };
}
