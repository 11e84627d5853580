import { hash } from '../../../src/relay/hash.js';
import { LOCK_CLASS } from './schema.js';

/** The time at which the statement arrived: constant within the statement, so Postgres can use the index. */
const STATEMENT_TIME = 'floor(extract(epoch from statement_timestamp()) * 1000)::bigint';

/**
 * The statement that erases up to `$1` expired rows of a table. An advisory lock admits one sweep at a time among all
 * processes; without the lock the statement selects no rows. The lock ends with the statement. The statement skips rows
 * that another transaction has locked, and locks the selected rows, so that no create can reuse a row before it is
 * deleted.
 */
export function createSweepText(table: string): string {
  // 31 bits of a hash of the table's name, so that the sweepers of two tables do not block each other.
  const lock = Number.parseInt(hash('sha256', table, 'hex').slice(0, 8), 16) & 0x7f_ff_ff_ff;
  return `with turn as materialized (select pg_try_advisory_xact_lock(${LOCK_CLASS}, ${lock}) as mine),
      gone as (
        delete from ${table} where key = any (array(
          select key from ${table}
          where expires_at <= ${STATEMENT_TIME} and (select mine from turn)
          order by expires_at limit $1::bigint for update skip locked
        ))
        returning 1
      )
      select count(*) as erased from gone`;
}
