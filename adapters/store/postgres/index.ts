import { z } from 'zod';
import { parseOptions } from '../../../src/relay/parse-options.js';
import { assertDeadline, assertText, getRevision, type MailboxStore } from '../../../src/relay/store/contract.js';
import { createPostgresChanges } from './changes.js';
import {
  getClientFactory,
  ignoreErrorEvents,
  isPool,
  type KeyvPostgresLike,
  type PostgresPool,
  resolvePool,
} from './pool.js';
import type { PostgresTable } from './schema.js';
import { StatementRunner } from './statement-runner.js';
import { createStatements } from './statements.js';

export type { KeyvPostgresLike, PostgresClient, PostgresPool, PostgresQuery } from './pool.js';

/** Options of {@link postgresStore}. */
export interface PostgresStoreOptions {
  /**
   * The table of the mailboxes, 1 to 48 of the characters `A-Z a-z 0-9 _`. Must not be the table of a Keyv. Default
   * `credential_relay_mailbox`.
   */
  readonly table?: string;
  /**
   * The schema of the table. The store creates a missing schema. Default: the schema of the KeyvPostgres; for a URL or
   * a Pool the first schema of the connection's `search_path`.
   */
  readonly schema?: string;
  /**
   * True: each connection prepares a statement once, by name. False for a pooler in transaction mode without support
   * for named statements (PgBouncer before 1.21). The store then sets no `statement_timeout` either: set one on the
   * role. Default true.
   *
   * @see https://www.postgresql.org/docs/current/sql-prepare.html
   */
  readonly prepare?: boolean;
  /** Most connections. A Pool of the host keeps its own `max`. Default: `max` of the KeyvPostgres, else 10. */
  readonly poolSize?: number;
  /**
   * True: the store publishes changes by NOTIFY on the channel `<table>_changes`, and `store.changes` subscribes there
   * by LISTEN, so that long polls at other processes return at once. False: nothing is published, and long polls poll
   * the store; set this behind any pooler in transaction mode, which does not support LISTEN. Use the same value in all
   * processes of a relay. Default: the value of `prepare`.
   *
   * @see https://www.postgresql.org/docs/current/sql-notify.html
   */
  readonly changes?: boolean | undefined;
}

const DEFAULT_TABLE = 'credential_relay_mailbox';

function identifier(maximum: number): z.ZodString {
  const message = `must be 1 to ${maximum} of the characters A-Z a-z 0-9 _, and begin with no digit`;
  return z
    .string(message)
    .max(maximum, message)
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, message);
}

const optionsSchema = z.strictObject({
  table: identifier(48).default(DEFAULT_TABLE),
  schema: identifier(63).optional(),
  prepare: z.boolean().default(true),
  poolSize: z.number().optional(),
  changes: z.boolean().optional(),
});

/**
 * Creates a mailbox store in Postgres 12 or later, for any number of processes. Each change is one conditional
 * statement, so Postgres itself lets exactly one caller win. The clock of the server decides whether an entry is live.
 * The first call creates the table.
 *
 * **Connections.** With a URL or a KeyvPostgres the store opens a pool and ends it in `close`; a KeyvPostgres provides
 * only its configuration. A Pool of `pg` stays the host's, and the store never ends it. A KeyvPostgres also opens its
 * own pool when constructed, without a listener for `error`: as long as this pool has idle connections (10 s after its
 * last use), a restart of the server ends the process. Prefer a URL or a Pool.
 *
 * **Changes.** The store publishes the keys of changed entries after the commit, many keys per statement, at most 100
 * statements per second. `changes.subscribe` opens one more connection outside of the pool, with the options of the
 * pool. A Pool that exposes no `options` and `Client` has no `changes`.
 *
 * **Errors.** A call rejects after 2 s at the latest. The `code` of the error is the SQLSTATE, the code of a system
 * error, or `POSTGRES_TIMEOUT`, `POSTGRES_CONNECTION_LOST`, `POSTGRES_CLOSED`. If the disk of the server is full
 * (53100), the error is a `StoreFullError`. The store bounds the calls that wait for a connection or for a silent
 * server: beyond 10,000 calls, or 64 MiB, further calls reject at once with `POSTGRES_OVERLOADED`. No error holds a
 * password, a key or a value.
 *
 * @param source - A URL (`postgres://…`, `postgresql://…`), a KeyvPostgres of @keyv/postgres 2, or a Pool of `pg`.
 * @throws TypeError for an invalid source or option; the message does not repeat the URL
 * @throws Error that names the command to install the package `pg`, if the package is missing
 * @example
 * ```ts
 * const store = postgresStore('postgres://relay:secret@db.example/app', { schema: 'relay', poolSize: 20 });
 * const relay = createRelay({ publicUrl: 'https://example.com/relay', store, keys });
 * ```
 * @example A pool of the host:
 * ```ts
 * const store = postgresStore(new pg.Pool({ max: 20 }));
 * ```
 * @see https://www.postgresql.org/docs/current/errcodes-appendix.html for the codes
 */
export function postgresStore(
  source: string | KeyvPostgresLike | PostgresPool,
  options: PostgresStoreOptions = {},
): MailboxStore {
  assertSource(source);
  const {
    prepare,
    poolSize,
    changes = prepare,
    ...names
  } = parseOptions('postgresStore', optionsSchema, {
    ...options,
    schema: options.schema ?? getKeyvSchema(source),
  });
  assertNotKeyvTable(source, names.table);
  const table = toPostgresTable(names.table, names.schema);
  const { pool, owned } = resolvePool(source, { poolSize, prepare });
  const createClient = changes ? getClientFactory(pool) : undefined;
  const postgresChanges = createClient && createPostgresChanges(table.channel, pool, createClient);
  const runner = new StatementRunner(pool, table);
  let closed: Promise<void> | undefined;

  async function close(): Promise<void> {
    runner.close();
    await postgresChanges?.close();
    if (owned) await pool.end();
  }

  return {
    ...createOperations(runner, table, prepare),
    ...(postgresChanges === undefined ? {} : { changes: postgresChanges.bus }),
    close() {
      closed ??= close();
      return closed;
    },
  };
}

function createOperations(
  runner: StatementRunner,
  table: PostgresTable,
  prepare: boolean,
): Omit<MailboxStore, 'changes' | 'close'> {
  const statements = createStatements(table, prepare);
  return {
    capabilities: { atomic: 'distributed', nativeExpiry: false, durable: true },
    async get(key) {
      type Row = { revision: string; value: string; expires_at: unknown } | undefined;
      const row = await runner.run<Row>(statements.get, [key]);
      // `pg` returns a bigint as text, unless the host has set another parser.
      return row && { value: row.value, revision: row.revision, expiresAt: Number(row.expires_at) };
    },
    async revision(key) {
      return (await runner.run<{ revision: string } | undefined>(statements.revision, [key]))?.revision;
    },
    async create(key, value, expiresAt) {
      assertText(value, 'The Postgres store');
      assertDeadline(expiresAt);
      const values = [key, getRevision(value), value, expiresAt];
      const row = await runner.run<{ done: boolean; late: boolean }>(statements.create, values);
      if (!row.done && row.late) throw new RangeError('The deadline of a new entry has passed.');
      return row.done;
    },
    async replace(key, revision, value, expiresAt) {
      assertText(value, 'The Postgres store');
      if (expiresAt !== undefined) assertDeadline(expiresAt);
      const values = [key, revision, getRevision(value), value, expiresAt ?? null];
      const row = await runner.run<{ done: boolean; live: boolean }>(statements.replace, values);
      if (row.done) return 'ok';
      return row.live ? 'conflict' : 'missing';
    },
    async sweep(limit) {
      const row = await runner.run<{ erased: unknown }>(statements.sweep, [limit]);
      return Number(row.erased);
    },
    async ping() {
      await runner.ensureTable();
      const startedAt = Date.now();
      const row = await runner.run<{ now: unknown }>(statements.ping, []);
      return { clockSkewMs: Math.round(Number(row.now) - (startedAt + Date.now()) / 2) };
    },
  };
}

/** True for a KeyvPostgres of @keyv/postgres 2, of any copy of the package. */
export function isKeyvPostgres(value: unknown): value is KeyvPostgresLike {
  if (typeof value !== 'object' || value === null || !('opts' in value) || !('query' in value)) return false;
  const { opts, query } = value;
  return typeof query === 'function' && typeof opts === 'object' && Reflect.get(opts ?? {}, 'dialect') === 'postgres';
}

function assertSource(source: unknown): void {
  if (isPool(source)) return;
  if (isKeyvPostgres(source)) {
    ignoreErrorEvents(source); // A KeyvPostgres that cannot connect emits `error`, possibly without a listener.
    return;
  }
  // The URL may hold a password, so no message repeats the URL.
  if (typeof source !== 'string' || !/^postgres(ql)?:\/\//.test(source)) {
    throw new TypeError('postgresStore: source must be a postgres:// URL, a KeyvPostgres or a Pool of pg');
  }
  if (!URL.canParse(source.replace('@/', '@localhost/'))) {
    throw new TypeError('postgresStore: the URL cannot be read; encode special characters of the password');
  }
}

/** A KeyvPostgres does not quote its schema, so Postgres folds the name to lower case. */
function getKeyvSchema(source: unknown): string | undefined {
  const schema: unknown = isKeyvPostgres(source) ? Reflect.get(source.opts, 'schema') : undefined;
  return typeof schema === 'string' ? schema.toLowerCase() : undefined;
}

function assertNotKeyvTable(source: unknown, table: string): void {
  const keyvTable: unknown = isKeyvPostgres(source) ? Reflect.get(source.opts, 'table') : undefined;
  if (['keyv', keyvTable].includes(table)) throw new TypeError('postgresStore.table: must not be the table of a Keyv');
}

function toPostgresTable(table: string, schema: string | undefined): PostgresTable {
  return {
    name: schema === undefined ? `"${table}"` : `"${schema}"."${table}"`,
    schema,
    index: `"${table}_expires_at"`,
    channel: `${table}_changes`,
  };
}
