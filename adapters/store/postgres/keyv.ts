import { ignoreErrorEvents, isPool } from './driver.js';

/**
 * The members of a KeyvPostgres that the store uses. `opts` is the configuration in @keyv/postgres 2; version 6 has
 * properties instead.
 */
export interface KeyvPostgresLike {
  readonly opts?: object;
  query(text: string, values?: unknown): Promise<unknown[]>;
  on(event: 'error', listener: () => void): unknown;
  listenerCount(event: 'error'): number;
}

/** The configuration of a KeyvPostgres. */
export interface KeyvConfiguration {
  /** Undefined: the options name the server. */
  readonly url: string | undefined;
  /** Options of `pg`. */
  readonly client: Readonly<Record<string, unknown>>;
  readonly table: string | undefined;
  readonly schema: string | undefined;
  readonly max: number | undefined;
}

/** The URL that a KeyvPostgres has without any configuration. */
const DEFAULT_URL = 'postgresql://localhost:5432';

/** True for a KeyvPostgres of @keyv/postgres, of any copy of the package, also of a version that is too old. */
export function isKeyvPostgres(value: unknown): value is KeyvPostgresLike {
  if (typeof value !== 'object' || value === null) return false;
  if (typeof Reflect.get(value, 'query') !== 'function') return false;
  return Reflect.get(Object(Reflect.get(value, 'opts')), 'dialect') === 'postgres' || isVersion6(value);
}

function isVersion6(value: object): boolean {
  return !('opts' in value) && ['uri', 'table', 'schema', 'useUnloggedTable'].every((name) => name in value);
}

/** The options of the constructor, with its defaults. */
function getOptions(keyv: KeyvPostgresLike): Record<string, unknown> {
  if (!isVersion6(keyv)) return { ...keyv.opts };
  const [uri, table, schema, ssl] = ['uri', 'table', 'schema', 'ssl'].map((name) => Reflect.get(keyv, name));
  return { uri, table, schema, ...Object(Reflect.get(keyv, '_poolConfig')), ...(ssl === undefined ? {} : { ssl }) };
}

/**
 * Reads the configuration as @keyv/postgres does: `connectionString` before `uri`, and parts of the URL before the
 * other options. One difference: without a URL, `host` names the server, where @keyv/postgres connects to localhost.
 *
 * @throws TypeError for a version that is too old
 */
export function readKeyv(keyv: KeyvPostgresLike): KeyvConfiguration {
  if (typeof Reflect.get(keyv, 'setMany') !== 'function') {
    throw new TypeError(
      'postgresStore: this KeyvPostgres is of an old @keyv/postgres; the relay needs 2.2.3 or later: ' +
        'npm install @keyv/postgres@2, or pass the postgres:// URL',
    );
  }
  ignoreErrorEvents(keyv); // A KeyvPostgres that cannot connect emits `error`, possibly without a listener.
  const { uri, connectionString, max, table, schema, ...rest } = getOptions(keyv);
  const { dialect: _, keySize: __, useUnloggedTable: ___, iterationLimit: ____, ...client } = rest;
  const url = [connectionString, uri].find((value) => typeof value === 'string' && value !== '');
  const hasHost = typeof client.host === 'string' && client.host !== '';
  return {
    url: (url === DEFAULT_URL && hasHost ? undefined : url) as string | undefined,
    client,
    table: typeof table === 'string' ? table : undefined,
    schema: typeof schema === 'string' ? foldSchema(keyv, schema) : undefined,
    max: typeof max === 'number' ? max : undefined,
  };
}

/** Before version 6 a KeyvPostgres does not quote its schema, so Postgres folds the name to lower case. */
function foldSchema(keyv: object, schema: string): string {
  return isVersion6(keyv) ? schema : schema.toLowerCase();
}

const EXPECTED = 'postgresStore: source must be a postgres:// URL, a KeyvPostgres or a Pool of pg';

/** Names the object that the caller has, and the way to a source. Never repeats a value. */
export function describeWrongSource(source: unknown): string {
  if (source === undefined || source === null || source === '') {
    return `${EXPECTED}, but it is ${source === '' ? 'empty' : String(source)}; is an environment variable unset?`;
  }
  if (source instanceof URL) return `${EXPECTED}; pass url.href in place of the URL object`;
  const hint = HINTS.find(([test]) => test(Object(source) as object))?.[1];
  return hint === undefined ? EXPECTED : `${EXPECTED}; ${hint}`;
}

const has = (value: object, ...names: string[]): boolean => names.every((name) => name in value);

const HINTS: readonly (readonly [test: (value: object) => boolean, hint: string])[] = [
  [(value) => has(value, 'store', 'opts'), 'a Keyv goes to the option store of createRelay, or pass its store here'],
  [(value) => has(value, '$client') && isPool(Reflect.get(value, '$client')), 'pass db.$client, the Pool of Drizzle'],
  [(value) => has(value, '$client') || has(value, '_', 'session'), 'Drizzle: pass the URL, or the Pool that it uses'],
  [(value) => has(value, '$connect', '$queryRaw'), 'a PrismaClient has no Pool: pass the URL of its database'],
  [(value) => has(value, 'begin', 'unsafe'), 'a client of the package postgres is no Pool of pg: pass its URL'],
  [(value) => has(value, 'raw', 'client', 'schema'), 'Knex has a pool of its own kind: pass the URL of its database'],
  [(value) => has(value, 'getQueryInterface'), 'Sequelize has a pool of its own kind: pass the URL of its database'],
  [(value) => has(value, 'createQueryRunner'), 'TypeORM: pass the URL of its database'],
  [(value) => has(value, 'selectFrom', 'insertInto'), 'Kysely: pass the Pool that its dialect uses, or the URL'],
  [(value) => has(value, 'connect', 'query', 'end'), 'a Client of pg is one connection: pass a Pool, or the URL'],
  [(value) => has(value, 'Pool', 'Client'), 'this is the package pg: pass new pg.Pool({ connectionString })'],
  [
    (value) => ['connectionString', 'host', 'database', 'uri'].some((name) => name in value),
    'these are options: pass new pg.Pool(options)',
  ],
];
