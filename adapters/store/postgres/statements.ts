import { hash } from 'node:crypto';
import type { PostgresQuery } from './pool.js';
import { LOCK_CLASS, type PostgresTable } from './schema.js';

/** The statements of the store, each one round trip. */
export interface PostgresStatements {
  /** $1 key → revision, value, expires_at. */
  readonly get: PostgresQuery;
  /** $1 key → revision. */
  readonly revision: PostgresQuery;
  /** $1 key, $2 revision, $3 value, $4 expires_at → done, late. */
  readonly create: PostgresQuery;
  /** $1 key, $2 revision read, $3 new revision, $4 value, $5 expires_at or null → done, live. */
  readonly replace: PostgresQuery;
  /** $1 limit → erased. */
  readonly sweep: PostgresQuery;
  /** → now, Unix time in ms. */
  readonly ping: PostgresQuery;
}

/** Unix time in ms by the database's clock at the very moment, also after a wait for a row that was locked. */
const NOW = 'floor(extract(epoch from clock_timestamp()) * 1000)::bigint';

/** The same when the statement came in: one value for the whole statement, so that an index on it can be used. */
const STATEMENT_TIME = 'floor(extract(epoch from statement_timestamp()) * 1000)::bigint';

/** Makes the statements for a table. Names are short, and never the same for two texts: a Pool may serve two stores. */
export function statementsFor({ name }: PostgresTable, prepare: boolean): PostgresStatements {
  const statement = (text: string): PostgresQuery =>
    prepare ? { name: `credential_relay_${hash('sha256', text, 'hex').slice(0, 12)}`, text } : { text };
  // 31 bits of the table's name, so that sweepers of two tables do not keep each other from work.
  const sweepLock = Number.parseInt(hash('sha256', name, 'hex').slice(0, 8), 16) & 0x7f_ff_ff_ff;
  return {
    get: statement(`select revision, value, expires_at from ${name} where key = $1::text and expires_at > ${NOW}`),

    revision: statement(`select revision from ${name} where key = $1::text and expires_at > ${NOW}`),

    // One reading of the clock decides whether the deadline has passed; a conflict with a live row updates nothing.
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

    // After a wait for another writer the update looks at the row again; the outer select sees it as it was at first,
    // which is enough to tell an entry that changed from one that is not there.
    replace: statement(`with put as (
        update ${name} set revision = $3::text, value = $4::text, expires_at = coalesce($5::bigint, expires_at)
        where key = $1::text and revision = $2::text and expires_at > ${NOW}
        returning 1
      )
      select exists (select from put) as done,
        exists (select from ${name} where key = $1::text and expires_at > ${NOW}) as live`),

    // The lock ends with the statement. Whoever does not get it finds nothing to do; rows at work are passed over, and
    // those chosen are locked, so that none can come to life again before it is deleted.
    sweep: statement(`with turn as materialized (select pg_try_advisory_xact_lock(${LOCK_CLASS}, ${sweepLock}) as mine),
      gone as (
        delete from ${name} where key = any (array(
          select key from ${name}
          where expires_at <= ${STATEMENT_TIME} and (select mine from turn)
          order by expires_at limit $1::bigint for update skip locked
        ))
        returning 1
      )
      select count(*) as erased from gone`),

    ping: statement(`select extract(epoch from clock_timestamp()) * 1000 as now`),
  };
}
