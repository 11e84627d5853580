import { createRequire } from 'node:module';
import type { CallLimit } from '../../../src/relay/store/call-limit.js';
import { PostgresFailure, toPostgresFailure } from './errors.js';

/** A statement of `pg`. A connection prepares a statement with a `name` once. */
export interface PostgresQuery {
  readonly name?: string;
  readonly text: string;
  readonly values?: unknown[];
}

/** The members of a pooled client of `pg` that the store uses. */
export interface PostgresClient {
  query(query: PostgresQuery): Promise<unknown>;
  release(destroy?: Error | boolean): void;
  on(event: 'error', listener: () => void): unknown;
  removeListener(event: 'error', listener: () => void): unknown;
}

/** The members of a `pg` client outside of a pool that the store uses. */
export interface PostgresSubscriber {
  connect(): Promise<unknown>;
  query(query: PostgresQuery): Promise<unknown>;
  end(): Promise<void>;
  on(event: 'error' | 'end', listener: () => void): unknown;
  on(event: 'notification', listener: (message: { channel: string; payload?: string }) => void): unknown;
  ref?(): void;
  unref?(): void;
}

/** The members of a Pool of `pg` that the store uses. */
export interface PostgresPool {
  connect(): Promise<PostgresClient>;
  end(): Promise<void>;
  on(event: 'error', listener: () => void): unknown;
  listenerCount(event: 'error'): number;
}

/** The members of a KeyvPostgres of `@keyv/postgres` 2 that the store uses. `opts` is its configuration. */
export interface KeyvPostgresLike {
  readonly opts: object;
  query(text: string, values?: unknown): Promise<unknown[]>;
  on(event: 'error', listener: () => void): unknown;
  listenerCount(event: 'error'): number;
}

/** The server cancels a longer statement, in ms, and undoes it: its outcome is then known. */
const STATEMENT_TIMEOUT_MS = 1_500;

/** Longest time of a call, in ms, with the wait for a connection. After a time-out the outcome is unknown. */
export const CALL_TIMEOUT_MS = 2_000;

/** Settings of a pool that the store opens. */
export interface PoolSettings {
  readonly poolSize: number | undefined;
  /** False behind a transaction-mode pooler, which rejects start-up parameters such as `statement_timeout`. */
  readonly prepare: boolean;
}

/** Returns the pool of the host, or a new pool, which the store owns and ends. Does not connect. */
export function resolvePool(
  source: string | KeyvPostgresLike | PostgresPool,
  settings: PoolSettings,
): { readonly pool: PostgresPool; readonly owned: boolean } {
  if (isPool(source)) return { pool: ignoreErrorEvents(source), owned: false };
  const options: Record<string, unknown> = typeof source === 'string' ? { uri: source } : { ...source.opts };
  const { uri, max, ...rest } = options;
  const pool = new (loadPg().Pool)({
    ...(settings.prepare ? { statement_timeout: STATEMENT_TIMEOUT_MS } : {}),
    connectionTimeoutMillis: CALL_TIMEOUT_MS,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    fallback_application_name: 'credential-relay',
    allowExitOnIdle: true, // Idle connections do not keep the process alive.
    ...rest,
    max: settings.poolSize ?? max ?? 10,
    connectionString: uri,
  });
  return { pool: ignoreErrorEvents(pool), owned: true };
}

/**
 * Returns a function that creates a client with the options of the pool, outside of the pool; `undefined` if the pool
 * exposes no options. The store does not borrow a client for good: a pool of size 1 would have no client left, and
 * `end` of the host's pool would wait for the client.
 */
export function getClientFactory(pool: PostgresPool): (() => PostgresSubscriber) | undefined {
  const Client: unknown = Reflect.get(pool, 'Client');
  const options: unknown = Reflect.get(pool, 'options');
  if (typeof Client !== 'function' || typeof options !== 'object' || options === null) return undefined;
  // Pools make the password not enumerable, so a spread would lose it.
  const ownOptions = Object.defineProperties({}, Object.getOwnPropertyDescriptors(options));
  Object.assign(ownOptions, { keepAlive: true, connectionTimeoutMillis: CALL_TIMEOUT_MS });
  return () => new (Client as new (options: object) => PostgresSubscriber)(ownOptions);
}

/** Without a listener for `error`, the loss of an idle connection (restart, fail-over) would end the process. */
export function ignoreErrorEvents<Emitter extends Pick<PostgresPool, 'on' | 'listenerCount'>>(
  emitter: Emitter,
): Emitter {
  if (emitter.listenerCount('error') === 0) emitter.on('error', () => {});
  return emitter;
}

/** True for a Pool of `pg`, of any copy of the package. */
export function isPool(value: unknown): value is PostgresPool {
  return (
    typeof value === 'object' &&
    value !== null &&
    'totalCount' in value &&
    ['connect', 'query', 'end', 'on'].every((name) => typeof Reflect.get(value, name) === 'function')
  );
}

/**
 * Runs a statement on a connection of the pool and returns the rows. Rejects with a {@link PostgresFailure}, after
 * {@link CALL_TIMEOUT_MS} at the latest. The pool discards a connection on which a statement failed, as the server may
 * hang, or may have become a read-only standby. The call counts towards `limit` until the pool has returned or refused
 * a connection; a pool of the host may do neither.
 */
export function runQuery<Row>(pool: PostgresPool, query: PostgresQuery, limit: CallLimit): Promise<readonly Row[]> {
  return new Promise((resolve, reject) => {
    let client: PostgresClient | undefined;
    let settled = false;
    function settle(error: unknown, rows: readonly Row[] = []): void {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      const failure = error === undefined ? undefined : toPostgresFailure(error);
      client?.release(failure);
      client?.removeListener('error', fail);
      if (failure === undefined) resolve(rows);
      else reject(failure);
    }
    const fail = (error?: unknown): void => settle(error ?? new PostgresFailure('POSTGRES_CONNECTION_LOST'));
    const timer = setTimeout(() => fail(new PostgresFailure('POSTGRES_TIMEOUT')), CALL_TIMEOUT_MS);

    async function run(): Promise<void> {
      const connected = await pool.connect();
      if (settled) {
        connected.release(); // The call has timed out, so the statement must not run any more.
        return;
      }
      client = connected;
      client.on('error', fail);
      const result = await client.query(query);
      settle(undefined, (result as { readonly rows?: readonly Row[] }).rows);
    }
    limit.run(countCharacters(query), run, () => new PostgresFailure('POSTGRES_OVERLOADED')).catch(fail);
  });
}

/** Counts the characters of the values, which are about their bytes. */
function countCharacters({ values = [] }: PostgresQuery): number {
  let characters = 0;
  for (const value of values) if (typeof value === 'string') characters += value.length;
  return characters;
}

/** The members of `pg` that the store uses. */
interface PgModule {
  readonly Pool: new (options: Record<string, unknown>) => PostgresPool;
}

/** Loads the optional package `pg`, as installed or as a dependency of @keyv/postgres. */
function loadPg(): PgModule {
  const require = createRequire(import.meta.url);
  const loadFromKeyv = (): PgModule => createRequire(require.resolve('@keyv/postgres'))('pg');
  for (const load of [(): PgModule => require('pg'), loadFromKeyv]) {
    try {
      return load();
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND')) throw error;
    }
  }
  throw new Error('postgresStore: the package pg is missing; install it with: npm install @keyv/postgres');
}
