import { createRequire } from 'node:module';
import type { CallLimit } from '../../../src/relay/store/call-limit.js';
import { failureOf, PostgresFailure } from './errors.js';

/** One statement as the driver takes it; with a `name` it is prepared once per connection. */
export interface PostgresQuery {
  readonly name?: string;
  readonly text: string;
  readonly values?: unknown[];
}

/** As much of a client of `pg` as is used. */
export interface PostgresClient {
  query(query: PostgresQuery): Promise<unknown>;
  release(destroy?: Error | boolean): void;
  on(event: 'error', listener: () => void): unknown;
  removeListener(event: 'error', listener: () => void): unknown;
}

/** As much of a client of `pg` as is used of one that belongs to no pool. */
export interface PostgresListener {
  connect(): Promise<unknown>;
  query(query: PostgresQuery): Promise<unknown>;
  end(): Promise<void>;
  on(event: 'error' | 'end', listener: () => void): unknown;
  on(event: 'notification', listener: (message: { channel: string; payload?: string }) => void): unknown;
  ref?(): void;
  unref?(): void;
}

/** As much of a Pool of `pg` as is used. */
export interface PostgresPool {
  connect(): Promise<PostgresClient>;
  end(): Promise<void>;
  on(event: 'error', listener: () => void): unknown;
  listenerCount(event: 'error'): number;
}

/** As much of a KeyvPostgres of `@keyv/postgres` 2 as is used: its configuration. */
export interface KeyvPostgresLike {
  readonly opts: object;
  query(text: string, values?: unknown): Promise<unknown[]>;
  on(event: 'error', listener: () => void): unknown;
  listenerCount(event: 'error'): number;
}

/** Milliseconds after which the server cancels a statement, so that its outcome is known: nothing was done. */
const STATEMENT_TIMEOUT_MS = 1_500;

/** Milliseconds that one call may take, its wait for a connection included. After it the outcome is unknown. */
export const CALL_TIMEOUT_MS = 2_000;

/** How the pool of our own is made. */
export interface PoolSettings {
  readonly poolSize: number | undefined;
  /** False behind transaction-mode poolers, which refuse start-up parameters such as `statement_timeout`. */
  readonly prepare: boolean;
}

/** The pool for a source, and whether it is ours to end. Nothing connects yet. */
export function openPool(
  source: string | KeyvPostgresLike | PostgresPool,
  settings: PoolSettings,
): { readonly pool: PostgresPool; readonly owned: boolean } {
  if (isPool(source)) return { pool: listened(source), owned: false };
  const given: Record<string, unknown> = typeof source === 'string' ? { uri: source } : { ...source.opts };
  const { uri, max, ...rest } = given;
  const pool = new (loadPg().Pool)({
    ...(settings.prepare ? { statement_timeout: STATEMENT_TIMEOUT_MS } : {}),
    connectionTimeoutMillis: CALL_TIMEOUT_MS,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    fallback_application_name: 'credential-relay',
    allowExitOnIdle: true, // Idle connections do not keep a process alive that has nothing else to do.
    ...rest,
    max: settings.poolSize ?? max ?? 10,
    connectionString: uri,
  });
  return { pool: listened(pool), owned: true };
}

/**
 * How to make a client like those of the pool, which does not belong to it; `undefined` for a pool that does not tell.
 * A client borrowed for good would not do instead: a pool of one would have none left, and `end` of the host's pool
 * would wait for it.
 */
export function clientMaker(pool: PostgresPool): (() => PostgresListener) | undefined {
  const Client: unknown = Reflect.get(pool, 'Client');
  const options: unknown = Reflect.get(pool, 'options');
  if (typeof Client !== 'function' || typeof options !== 'object' || options === null) return undefined;
  // Not by a spread, which would lose the password: pools hide it.
  const own = Object.defineProperties({}, Object.getOwnPropertyDescriptors(options));
  Object.assign(own, { keepAlive: true, connectionTimeoutMillis: CALL_TIMEOUT_MS });
  return () => new (Client as new (options: object) => PostgresListener)(own);
}

/** Without a listener the end of an idle connection (a restart, a fail-over) would end the process. */
export function listened<Emitter extends Pick<PostgresPool, 'on' | 'listenerCount'>>(emitter: Emitter): Emitter {
  if (emitter.listenerCount('error') === 0) emitter.on('error', () => {});
  return emitter;
}

/** True for a Pool of `pg`, of whichever copy of the package. */
export function isPool(value: unknown): value is PostgresPool {
  return (
    typeof value === 'object' &&
    value !== null &&
    'totalCount' in value &&
    ['connect', 'query', 'end', 'on'].every((name) => typeof Reflect.get(value, name) === 'function')
  );
}

/**
 * Runs one statement on a connection of the pool and gives its rows. Rejects with a {@link PostgresFailure}, after
 * {@link CALL_TIMEOUT_MS} at the latest. A connection on which anything failed is not used again: it may lead to a
 * server that hangs, or to one that has become a read-only standby. It counts to `limit` until the pool has given a
 * connection or has refused one, which a pool of the host may never do.
 */
export function runQuery<Row>(pool: PostgresPool, query: PostgresQuery, limit: CallLimit): Promise<readonly Row[]> {
  return new Promise((resolve, reject) => {
    let client: PostgresClient | undefined;
    let settled = false;
    function settle(error: unknown, rows: readonly Row[] = []): void {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      const failure = error === undefined ? undefined : failureOf(error);
      client?.release(failure);
      client?.removeListener('error', fail);
      if (failure === undefined) resolve(rows);
      else reject(failure);
    }
    const fail = (error?: unknown): void => settle(error ?? new PostgresFailure('POSTGRES_CONNECTION_LOST'));
    const timer = setTimeout(() => fail(new PostgresFailure('POSTGRES_TIMEOUT')), CALL_TIMEOUT_MS);

    async function run(): Promise<void> {
      const got = await pool.connect();
      if (settled) {
        got.release(); // It came too late: the statement was given up and must not run now.
        return;
      }
      client = got;
      client.on('error', fail);
      const result = await client.query(query);
      settle(undefined, (result as { readonly rows?: readonly Row[] }).rows);
    }
    limit.run(sizeOf(query), run, () => new PostgresFailure('POSTGRES_OVERLOADED')).catch(fail);
  });
}

/** Characters of what is sent with a statement. */
function sizeOf({ values = [] }: PostgresQuery): number {
  let characters = 0;
  for (const value of values) if (typeof value === 'string') characters += value.length;
  return characters;
}

/** The driver, as much of it as is used. */
interface Driver {
  readonly Pool: new (options: Record<string, unknown>) => PostgresPool;
}

/** Loads `pg` when the first store is made: the package is an optional one. */
function loadPg(): Driver {
  const own = createRequire(import.meta.url);
  const viaKeyv = (): Driver => createRequire(own.resolve('@keyv/postgres'))('pg');
  for (const load of [(): Driver => own('pg'), viaKeyv]) {
    try {
      return load();
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND')) throw error;
    }
  }
  throw new Error('postgresStore: the package pg is missing; install it with: npm install @keyv/postgres');
}
