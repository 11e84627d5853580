import { createCallLimit } from '../../../src/relay/store/call-limit.js';
import { type MailboxStore, revisionOf, type StoredValue, StoreFullError } from '../../../src/relay/store/contract.js';
import { changesOf } from './changes.js';
import { PostgresFailure } from './errors.js';
import {
  clientMaker,
  isPool,
  type KeyvPostgresLike,
  listened,
  openPool,
  type PostgresPool,
  type PostgresQuery,
  runQuery,
} from './pool.js';
import { type PostgresTable, setUp } from './schema.js';
import { statementsFor } from './statements.js';

export type { KeyvPostgresLike, PostgresClient, PostgresPool, PostgresQuery } from './pool.js';

/** The Postgres store's further options. */
export interface PostgresStoreOptions {
  /**
   * The relay's own table, 1 to 48 of the characters `A-Z a-z 0-9 _`. Never the table of a Keyv. Default
   * `credential_relay_mailbox`.
   */
  readonly table?: string;
  /**
   * Its schema, made if it is not there. Default: the schema of the KeyvPostgres; with a URL or a Pool the first one of
   * the connection's search_path.
   */
  readonly schema?: string;
  /**
   * Whether statements are prepared once per connection and named. False for poolers in transaction mode that do not
   * follow names (PgBouncer before 1.21); then no `statement_timeout` is set either, so set one on the role. Default
   * true.
   */
  readonly prepare?: boolean;
  /** Connections at most; a Pool of the host has its own bound. Default: `max` of the KeyvPostgres, else 10. */
  readonly poolSize?: number;
  /**
   * Whether changes are told by NOTIFY on the channel of the table's name with `_changes` after it, and `changes` of the
   * store listens there, so that long polls at other processes learn of them at once. False behind any pooler in
   * transaction mode, as LISTEN does not work through one: nothing is told, and long polls look now and then. The same
   * at all processes of a relay. Default: `prepare`.
   */
  readonly changes?: boolean | undefined;
}

/** Milliseconds in which a statement that lost to a concurrent one, with nothing done, is tried again. */
const RETRY_MS = 1_000;

/** The server undid the statement because of a concurrent one: under stricter isolation than the usual one. */
const UNDONE = ['40001', '40P01'];

/** disk_full. */
const FULL = '53100';

/**
 * A mailbox store in Postgres 12 or later, for any number of processes. Each change is one conditional statement, so
 * that Postgres itself lets exactly one caller win; whether an entry is live is judged by the database's clock. What it
 * holds lives in a table of its own, made on the first call.
 *
 * `source` is a URL (`postgres://…`, `postgresql://…`), a KeyvPostgres of @keyv/postgres 2, of which the configuration
 * is taken and not the connection, or a Pool of `pg`, which stays the host's: it is used as it is and never ended here.
 * A KeyvPostgres opens a pool of its own, without a listener for errors, as soon as it is constructed: for as long as
 * that pool has idle connections (10 s after its last use), a restart of the server ends the process. A URL or a Pool
 * does not have this flaw.
 *
 * Keys of changed entries are told after the commit, many by one statement, a hundred times a second at most. To hear
 * of them, `changes.subscribe` opens one more connection, with the options of the pool and outside of it, also of the
 * host's; a Pool that has no `options` and `Client` to make one of gets no `changes`.
 *
 * Calls reject with an error whose `code` is the SQLSTATE, or the reason why there was none, after 2 s at the latest.
 * Where the disk of the server is full (53100), that is a {@link StoreFullError}. Calls that wait for a connection of the
 * pool, or for a server that has fallen silent, are bounded: beyond 10,000 of them, or 64 MiB, further ones reject at once
 * with `POSTGRES_OVERLOADED`.
 * No error holds a password, a key or a value. Throws a TypeError for a wrong option or source, and an Error that names
 * the command to run if the package `pg` is not installed.
 */
export function postgresStore(
  source: string | KeyvPostgresLike | PostgresPool,
  options: PostgresStoreOptions = {},
): MailboxStore {
  demandSource(source);
  const table = tableOf(source, options);
  const prepare = options.prepare ?? true;
  const statements = statementsFor(table, prepare);
  const { pool, owned } = openPool(source, { poolSize: options.poolSize, prepare });
  const makeClient = (options.changes ?? prepare) ? clientMaker(pool) : undefined;
  const changes = makeClient && changesOf(table.channel, pool, makeClient);
  const limit = createCallLimit();
  let ready: Promise<void> | undefined;
  let closed: Promise<void> | undefined;

  async function run<Row>(query: PostgresQuery): Promise<readonly Row[]> {
    const end = performance.now() + RETRY_MS;
    for (;;) {
      if (closed !== undefined) throw new PostgresFailure('POSTGRES_CLOSED');
      try {
        return await runQuery<Row>(pool, query, limit);
      } catch (error) {
        const code = error instanceof PostgresFailure ? error.code : '';
        if (code === FULL) throw new StoreFullError('The disk of the Postgres server is full.', { cause: error });
        if (code === '42P01') ready = undefined; // Somebody dropped the table, or this is another server now.
        if (!UNDONE.includes(code) || performance.now() > end) throw error;
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
      }
    }
  }

  /** The set-up is done once; if it fails, the next call tries again. */
  function whenReady(): Promise<void> {
    ready ??= setUp(table, run).catch((error: unknown) => {
      ready = undefined;
      throw error;
    });
    return ready;
  }

  async function call<Row>(statement: PostgresQuery, values: unknown[]): Promise<Row> {
    await whenReady();
    const [row] = await run<Row>({ ...statement, values });
    return row as Row;
  }

  async function end(): Promise<void> {
    await changes?.close();
    if (owned) await pool.end();
  }

  return {
    ...(changes === undefined ? {} : { changes: changes.bus }),
    capabilities: { atomic: 'distributed', nativeExpiry: false, durable: true },
    async get(key) {
      const row = await call<{ revision: string; value: string; expires_at: unknown } | undefined>(statements.get, [
        key,
      ]);
      // Eight-byte numbers come as text, unless the host's own parsers make something else of them.
      return row && { value: row.value, revision: row.revision, expiresAt: Number(row.expires_at) };
    },
    async revision(key) {
      return (await call<{ revision: string } | undefined>(statements.revision, [key]))?.revision;
    },
    async create(key, value, expiresAt) {
      demandText(value);
      demandDeadline(expiresAt);
      const row = await call<{ done: boolean; late: boolean }>(statements.create, [
        key,
        revisionOf(value),
        value,
        expiresAt,
      ]);
      if (!row.done && row.late) throw new RangeError('The deadline of a new entry has passed.');
      return row.done;
    },
    async replace(key, revision, value, expiresAt) {
      demandText(value);
      if (expiresAt !== undefined) demandDeadline(expiresAt);
      const row = await call<{ done: boolean; live: boolean }>(statements.replace, [
        key,
        revision,
        revisionOf(value),
        value,
        expiresAt ?? null,
      ]);
      if (row.done) return 'ok';
      return row.live ? 'conflict' : 'missing';
    },
    async sweep(limit) {
      const row = await call<{ erased: unknown }>(statements.sweep, [limit]);
      return Number(row.erased);
    },
    async ping() {
      await whenReady();
      const before = Date.now();
      const row = await call<{ now: unknown }>(statements.ping, []);
      return { clockSkewMs: Math.round(Number(row.now) - (before + Date.now()) / 2) };
    },
    close() {
      closed ??= end();
      return closed;
    },
  };
}

/** True for a KeyvPostgres of @keyv/postgres 2, of whichever copy of the package. */
export function isKeyvPostgres(value: unknown): value is KeyvPostgresLike {
  if (typeof value !== 'object' || value === null || !('opts' in value) || !('query' in value)) return false;
  const { opts, query } = value;
  return typeof query === 'function' && typeof opts === 'object' && Reflect.get(opts ?? {}, 'dialect') === 'postgres';
}

function demandSource(source: unknown): void {
  if (isPool(source)) return;
  if (isKeyvPostgres(source)) {
    listened(source); // It emits an error if it cannot connect, which nobody may be there to hear.
    return;
  }
  // The URL may hold a password, so no error repeats it.
  if (typeof source !== 'string' || !/^postgres(ql)?:\/\//.test(source)) {
    throw new TypeError('postgresStore: source must be a postgres:// URL, a KeyvPostgres or a Pool of pg');
  }
  if (!URL.canParse(source.replace('@/', '@localhost/'))) {
    throw new TypeError('postgresStore: the URL cannot be read; encode special characters of the password');
  }
}

const DEFAULT_TABLE = 'credential_relay_mailbox';

function tableOf(source: string | KeyvPostgresLike | PostgresPool, options: PostgresStoreOptions): PostgresTable {
  const keyv: { table?: unknown; schema?: unknown } = isKeyvPostgres(source) ? source.opts : {};
  const table = options.table ?? DEFAULT_TABLE;
  // A KeyvPostgres writes the name of its schema without quotes, so Postgres reads it in lower case.
  const schema = options.schema ?? (typeof keyv.schema === 'string' ? keyv.schema.toLowerCase() : undefined);
  demandIdentifier('table', table, 48);
  if (schema !== undefined) demandIdentifier('schema', schema, 63);
  if (['keyv', keyv.table].includes(table)) throw new TypeError('postgresStore: table must not be the table of a Keyv');
  return {
    name: schema === undefined ? `"${table}"` : `"${schema}"."${table}"`,
    schema,
    index: `"${table}_expires_at"`,
    channel: `${table}_changes`,
  };
}

function demandIdentifier(option: string, name: string, longest: number): void {
  if (name.length > longest || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    throw new TypeError(`postgresStore: ${option} must be 1 to ${longest} of the characters A-Z a-z 0-9 _`);
  }
}

function demandText(value: StoredValue): asserts value is string {
  if (typeof value !== 'string') throw new TypeError('The Postgres store keeps text only.');
}

function demandDeadline(expiresAt: number): void {
  if (!Number.isSafeInteger(expiresAt)) throw new RangeError('A deadline is a safe integer of milliseconds.');
}
