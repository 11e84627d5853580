import { PostgresFailure } from './errors.js';
import type { PostgresStatement } from './run-query.js';

/** Runs a statement and returns its rows. */
export type RunStatement = <Row>(query: PostgresStatement) => Promise<readonly Row[]>;

/** The names of the store's table, as statements use them. */
export interface PostgresTable {
  /** Quoted; without a schema, the search_path of the connection applies. */
  readonly name: string;
  readonly schema: string | undefined;
  readonly index: string;
  /** The channel of its change notifications. Not quoted; independent of the schema. */
  readonly channel: string;
}

/** The first key of each advisory lock of the store ("CRMB"). The second key names the purpose. */
export const LOCK_CLASS = 0x43_52_4d_42;

const MIGRATION_LOCK = 0;

/** unique_violation (in the catalogue), duplicate_schema, duplicate_table. */
const ALREADY_EXISTS_CODES = ['23505', '42P06', '42P07'];

/** insufficient_privilege, read_only_sql_transaction. */
const NOT_PERMITTED_CODES = ['42501', '25006'];

const NOT_CREATED =
  'the table is missing, and the role may not create it; grant CREATE on the schema (a new schema: CREATE on the ' +
  'database), or start the relay once with a role that may';

/** The comment on a table holds its layout. */
const LATEST_LAYOUT = 1;

/**
 * Returns the statements that migrate a table to each layout from the previous one. A statement may run more than once,
 * and leaves a table that earlier releases can still use: during a deployment two releases share the table.
 *
 * Layout 1: keys compare by bytes, so that an update of the operating system's collations cannot corrupt the index.
 * Pages have room for the next version of a row, and no replace changes an indexed column, so replaces are heap-only.
 * Rows live for minutes, so autovacuum starts early. Sealed text does not compress, so compression is off.
 *
 * @see https://www.postgresql.org/docs/current/storage-hot.html
 */
function getMigrations({ name, index }: PostgresTable): readonly string[] {
  return [
    `create table if not exists ${name} (
      key text collate "C" primary key,
      revision text not null,
      value text not null,
      expires_at bigint not null
    ) with (
      fillfactor = 70,
      autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000,
      toast.autovacuum_vacuum_scale_factor = 0.02, toast.autovacuum_vacuum_threshold = 1000
    );
    alter table ${name} alter column value set storage external;
    create index if not exists ${index} on ${name} (expires_at)`,
  ];
}

/**
 * Creates the table, or migrates an earlier layout. Any number of processes may migrate at the same time. If the table
 * exists, no right beyond SELECT, INSERT, UPDATE and DELETE is necessary.
 */
export async function migrate(table: PostgresTable, run: RunStatement, attempts = 3): Promise<void> {
  const [found] = await run<{ present: boolean; comment: string | null }>({
    text: `select c is not null as present, obj_description(c, 'pg_class') as comment
      from (select to_regclass($1::text)) as found (c)`,
    values: [table.name],
  });
  const layout = Number(/layout (\d+)/.exec(found?.comment ?? '')?.[1] ?? 0);
  if (layout >= LATEST_LAYOUT) return;
  try {
    await run({ text: await buildMigration(table, layout, run) });
  } catch (error) {
    const code = error instanceof PostgresFailure ? error.code : '';
    // A client without the lock, such as a KeyvPostgres, created the schema at the same moment.
    if (ALREADY_EXISTS_CODES.includes(code) && attempts > 1) return migrate(table, run, attempts - 1);
    // A table that an administrator created, without the comment, is fine if it has the columns.
    if (!NOT_PERMITTED_CODES.includes(code)) throw error;
    if (found?.present !== true) throw code === '42501' ? new PostgresFailure(code, NOT_CREATED) : error;
  }
}

/** Several statements in one message form one transaction, also through a pooler. */
async function buildMigration(table: PostgresTable, layout: number, run: RunStatement): Promise<string> {
  const { name, schema } = table;
  return [
    `select pg_advisory_xact_lock(${LOCK_CLASS}, ${MIGRATION_LOCK})`,
    ...(schema === undefined || (await schemaExists(schema, run)) ? [] : [`create schema if not exists "${schema}"`]),
    ...getMigrations(table).slice(layout),
    `comment on table ${name} is 'Mailboxes of credential-relay, layout ${LATEST_LAYOUT}'`,
  ].join(';\n');
}

/** `create schema if not exists` requires the right to create a schema even if the schema exists. */
async function schemaExists(schema: string, run: RunStatement): Promise<boolean> {
  const [row] = await run<{ present: boolean }>({
    text: 'select exists (select from pg_namespace where nspname = $1::text) as present',
    values: [schema],
  });
  return row?.present === true;
}
