import { hash } from '../../../src/relay/hash.js';
import type { PostgresStatement } from './run-query.js';
import type { PostgresTable } from './schema.js';
import { createSweepText } from './sweep.js';

/** The statements of the store; each takes one round trip. */
export interface PostgresStatements {
  /** $1 key → revision, value, expires_at. */
  readonly get: PostgresStatement;
  /** $1 key → revision. */
  readonly revision: PostgresStatement;
  /** $1 key, $2 revision, $3 value, $4 expires_at → done, late. */
  readonly create: PostgresStatement;
  /** $1 key, $2 revision read, $3 new revision, $4 value, $5 expires_at or null → done, live. */
  readonly replace: PostgresStatement;
  /** $1 limit → erased. */
  readonly sweep: PostgresStatement;
  /** $1 key, $2 revision → done. */
  readonly erase: PostgresStatement;
  /** → now, Unix time in ms. */
  readonly clock: PostgresStatement;
}

/** The current Unix time of the server in ms. Advances while a statement waits for a locked row. */
const NOW = 'floor(extract(epoch from clock_timestamp()) * 1000)::bigint';

/** The name of a statement contains a hash of its text, as two stores may share a Pool. */
export function createStatements({ name }: PostgresTable, prepare: boolean): PostgresStatements {
  const statement = (text: string): PostgresStatement =>
    prepare ? { name: `credential_relay_${hash('sha256', text, 'hex').slice(0, 12)}`, text } : { text };
  const read = (text: string): PostgresStatement => ({ ...statement(text), isRepeatable: true });
  return {
    get: read(`select revision, value, expires_at from ${name} where key = $1::text and expires_at > ${NOW}`),

    revision: read(`select revision from ${name} where key = $1::text and expires_at > ${NOW}`),

    // One value of the clock decides whether the deadline has passed. A conflict with a live row updates nothing.
    create: statement(`with clock as materialized (select ${NOW} as now),
      put as (
        insert into ${name} as entry (key, revision, value, expires_at)
        select $1::text, $2::text, $3::text, $4::bigint from clock where $4::bigint > now
        on conflict (key) do update
          set revision = excluded.revision, value = excluded.value, expires_at = excluded.expires_at
          where entry.expires_at <= ${NOW}
        returning 1
      )
      select exists (select from put) as done, $4::bigint <= now as late from clock`),

    // After a wait for another writer the update reads the row again. The outer select sees the row as it was before
    // the wait, which suffices to distinguish a changed entry from an absent one.
    replace: statement(`with put as (
        update ${name} set revision = $3::text, value = $4::text, expires_at = coalesce($5::bigint, expires_at)
        where key = $1::text and revision = $2::text and expires_at > ${NOW}
        returning 1
      )
      select exists (select from put) as done,
        exists (select from ${name} where key = $1::text and expires_at > ${NOW}) as live`),

    sweep: statement(createSweepText(name)),

    erase: statement(`with gone as (delete from ${name} where key = $1::text and revision = $2::text returning 1)
      select exists (select from gone) as done`),

    clock: read('select extract(epoch from clock_timestamp()) * 1000 as now'),
  };
}
