import { PackageError, toPackageError } from '../../shared/import-package.js';

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

/** The members of the package `pg` that the store uses. */
export interface PgModule {
  readonly Pool: new (options: object) => PostgresPool;
  readonly Client: new (options: object) => PostgresSubscriber;
}

/**
 * Imports the optional package `pg`.
 *
 * @throws PackageError if the package is missing, or is another package
 */
export async function loadPg(): Promise<PgModule> {
  let candidate: unknown;
  try {
    candidate = await import('pg');
  } catch (cause) {
    throw toPackageError('postgresStore', 'pg', cause);
  }
  // `pg` is CommonJS: bundlers place its exports as names, in `default`, or in a `default` within.
  for (let depth = 0; depth < 3; depth += 1) {
    if (isPgModule(candidate)) return candidate;
    candidate = Reflect.get(Object(candidate), 'default');
  }
  const message = 'postgresStore: the package pg has no Pool; install version 8 or later with: npm install pg';
  throw new PackageError('package_unusable', message, { cause: undefined });
}

function isPgModule(value: unknown): value is PgModule {
  return ['Pool', 'Client'].every((name) => typeof Reflect.get(Object(value), name) === 'function');
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

/** Without a listener for `error`, the loss of an idle connection (restart, fail-over) would end the process. */
export function ignoreErrorEvents<Emitter extends Pick<PostgresPool, 'on' | 'listenerCount'>>(
  emitter: Emitter,
): Emitter {
  if (emitter.listenerCount('error') === 0) emitter.on('error', () => {});
  return emitter;
}

/**
 * The clients of a pool that the server has not accepted yet. A pool without `connectionTimeoutMillis` waits for them
 * for ever. Reads members that `pg` does not document; without them, there are none.
 */
export function getConnectingClients(pool: PostgresPool): readonly object[] {
  const clients: unknown = Reflect.get(pool, '_clients');
  return Array.isArray(clients) ? clients.filter((client) => Reflect.get(Object(client), '_connecting') === true) : [];
}

/**
 * Closes the socket of a client at once. `end` of `pg` sends a farewell and waits for the server, which a dead
 * connection never answers: its socket would stay for many minutes. `connection.stream` is the way that the tests of
 * `pg` itself take; without it, the socket stays.
 */
export function destroySocket(client: object): void {
  const connection: unknown = Reflect.get(client, 'connection');
  const stream: unknown = Reflect.get(Object(connection), 'stream');
  const destroy: unknown = Reflect.get(Object(stream), 'destroy');
  if (typeof destroy === 'function') Reflect.apply(destroy, stream, []);
}
