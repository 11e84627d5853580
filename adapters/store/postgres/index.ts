import { parseOptions } from '../../../src/relay/parse-options.js';
import {
  assertDeadline,
  assertText,
  getRevision,
  type MailboxStore,
  type StoreHealth,
} from '../../../src/relay/store/contract.js';
import { createPostgresChanges } from './changes.js';
import type { PostgresPool } from './driver.js';
import type { KeyvPostgresLike } from './keyv.js';
import { Liveness } from './liveness.js';
import { DEFAULT_POOL_SIZE, optionsSchema, type PostgresStoreOptions } from './options.js';
import { checkReadiness } from './readiness.js';
import type { PostgresTable } from './schema.js';
import { resolveSource } from './source.js';
import { StatementRunner } from './statement-runner.js';
import { createStatements } from './statements.js';

export type { PostgresClient, PostgresPool, PostgresQuery } from './driver.js';
export { isKeyvPostgres, type KeyvPostgresLike } from './keyv.js';
export type { PostgresStoreOptions } from './options.js';

/**
 * Creates a mailbox store in Postgres 12 or later, for any number of processes. Each change is one conditional
 * statement, so Postgres itself lets exactly one caller win. The clock of the server decides whether an entry is live.
 * The first call creates the table.
 *
 * **Connections.** With a URL or a KeyvPostgres the store opens a pool at the first call, and ends it in `close`; a
 * KeyvPostgres provides only its configuration. A Pool of `pg` stays the host's, and the store never ends it. A
 * KeyvPostgres also opens its own pool when constructed, without a listener for `error`: as long as this pool has idle
 * connections (10 s after its last use), a restart of the server ends the process. Prefer a URL or a Pool.
 *
 * **Fail-over.** A statement without an answer for 500 ms makes the store try the server on a new connection. If the
 * server answers there, the store runs a read again, and closes all connections that are dead. A change is not run
 * again: it rejects after 2 s. A URL may name several hosts; the store uses the one that accepts writes.
 *
 * **URL.** The parameters of libpq, `pg`, Prisma and hosters apply, and the options `table`, `schema`, `prepare`,
 * `changes` and `pool_size`; docs/stores.md lists them. Unknown parameters are refused. `options` come first.
 *
 * **Readiness.** `ping` creates, replaces, reads and erases a row of its own, about six round trips.
 *
 * **Changes.** The store publishes the keys of changed entries after the commit, many keys per statement, at most 100
 * statements per second. `changes.subscribe` opens one more connection outside of the pool, with the options of the
 * pool. A Pool that exposes no `options` and `Client` has no `changes`.
 *
 * **Errors.** A call rejects after 2 s at the latest. The `code` of the error is the SQLSTATE, the code of a system or
 * TLS error, `package_missing` or `package_unusable` (the package `pg`), or `POSTGRES_TIMEOUT`,
 * `POSTGRES_CONNECTION_LOST`, `POSTGRES_CLOSED` and the like. Its `message` names the cause and the remedy. If the disk
 * of the server is full (53100), a change rejects with a `StoreFullError`. The store bounds the calls that wait for a
 * connection or for a silent server: beyond 10,000 calls, or 64 MiB, further calls reject at once with
 * `POSTGRES_OVERLOADED`. No error holds a password, a key or a value.
 *
 * @param source - A URL (`postgres://…`, `postgresql://…`), a KeyvPostgres of @keyv/postgres 2.2.3 or later, or a Pool
 *   of `pg`.
 * @throws TypeError for an invalid source or option; the message does not repeat the URL
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
  const resolved = resolveSource(source, options);
  const { table: tableName, schema, ...settings } = parseOptions('postgresStore', optionsSchema, resolved.options);
  const { prepare, poolSize = DEFAULT_POOL_SIZE, changes = prepare } = settings;
  assertNotKeyvTable(tableName, resolved.keyvTable);
  const table = toPostgresTable(tableName, schema);
  const connections = resolved.connect({ prepare, poolSize });
  const liveness = new Liveness(connections);
  const postgresChanges =
    changes && connections.createClient
      ? createPostgresChanges(table.channel, liveness, connections.createClient)
      : undefined;
  const runner = new StatementRunner(liveness, table);
  let closed: Promise<void> | undefined;

  async function close(): Promise<void> {
    runner.close();
    await postgresChanges?.close();
    await connections.end();
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
  let pinging: Promise<StoreHealth> | undefined;
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
    ping() {
      // Concurrent checks of one process share their result.
      pinging ??= checkReadiness(runner, statements).finally(() => {
        pinging = undefined;
      });
      return pinging;
    },
  };
}

function assertNotKeyvTable(table: string, keyvTable: string | undefined): void {
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
