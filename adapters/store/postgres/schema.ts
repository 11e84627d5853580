import { PostgresFailure } from './errors.js';
import type { PostgresQuery } from './pool.js';

/** Our table, as statements name it. */
export interface PostgresTable {
  /** Quoted, with its schema if one was given; else the connection's search_path decides. */
  readonly name: string;
  readonly schema: string | undefined;
  readonly index: string;
  /** Where word of its changes goes. Not quoted; the same whether or not the schema is named. */
  readonly channel: string;
}

/** First of the two numbers of every advisory lock taken here ("CRMB"); the second tells what it guards. */
export const LOCK_CLASS = 0x43_52_4d_42;

const SET_UP_LOCK = 0;

/** unique_violation (in the catalogue), duplicate_schema, duplicate_table. */
const MADE_AT_ONCE = ['23505', '42P06', '42P07'];

/** insufficient_privilege, read_only_sql_transaction. */
const MAY_NOT = ['42501', '25006'];

/** The latest layout. A comment on the table tells which one it has. */
const LATEST_LAYOUT = 1;

/**
 * What brings the table up to each layout from the one before. Every step may be run again, and leaves a table that
 * the releases before it can still use: during a deployment both are at work.
 *
 * Layout 1: keys compare by bytes, so that no change of the operating system's collations can harm their index. Pages
 * keep room for the next version of a row, and the index is on what no replace changes, so replaces are heap-only.
 * Rows live for minutes, so vacuum comes early. Sealed text does not compress, so that is not tried.
 */
function steps({ name, index }: PostgresTable): readonly string[] {
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
 * Makes the table if it is not there and brings an older one up to date. Any number of processes may do so at once.
 * Needs no right beyond SELECT, INSERT, UPDATE and DELETE if the table is there already.
 */
export async function setUp(
  table: PostgresTable,
  run: <Row>(query: PostgresQuery) => Promise<readonly Row[]>,
  attempts = 3,
): Promise<void> {
  const [found] = await run<{ present: boolean; comment: string | null }>({
    text: `select c is not null as present, obj_description(c, 'pg_class') as comment
      from (select to_regclass($1::text)) as found (c)`,
    values: [table.name],
  });
  const layout = Number(/layout (\d+)/.exec(found?.comment ?? '')?.[1] ?? 0);
  if (layout >= LATEST_LAYOUT) return;
  try {
    await run({ text: await setUpText(table, layout, run) });
  } catch (error) {
    const code = error instanceof PostgresFailure ? error.code : '';
    // Somebody who does not take our lock, such as a KeyvPostgres, made the schema at the same moment.
    if (MADE_AT_ONCE.includes(code) && attempts > 1) return setUp(table, run, attempts - 1);
    // A table of somebody else's making, without our comment on it, serves as well if it has the columns.
    if (!(MAY_NOT.includes(code) && found?.present === true)) throw error;
  }
}

/** Several statements in one message: one transaction, which ends with it, on any pooler. */
async function setUpText(
  table: PostgresTable,
  layout: number,
  run: <Row>(query: PostgresQuery) => Promise<readonly Row[]>,
): Promise<string> {
  const { name, schema } = table;
  return [
    `select pg_advisory_xact_lock(${LOCK_CLASS}, ${SET_UP_LOCK})`,
    ...(schema === undefined || (await schemaExists(schema, run)) ? [] : [`create schema if not exists "${schema}"`]),
    ...steps(table).slice(layout),
    `comment on table ${name} is 'Mailboxes of credential-relay, layout ${LATEST_LAYOUT}'`,
  ].join(';\n');
}

/** `create schema if not exists` asks for the right to create one even where it exists, so it is asked before. */
async function schemaExists(
  schema: string,
  run: <Row>(query: PostgresQuery) => Promise<readonly Row[]>,
): Promise<boolean> {
  const [row] = await run<{ present: boolean }>({
    text: 'select exists (select from pg_namespace where nspname = $1::text) as present',
    values: [schema],
  });
  return row?.present === true;
}
