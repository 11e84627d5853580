import { KeyvPostgres } from '@keyv/postgres';
import { createRelay } from 'credential-relay';
import { type PostgresStoreOptions, postgresStore } from 'credential-relay/adapters/store/postgres';
import { Keyv } from 'keyv';
import pg from 'pg';
import { afterEach, describe, expect, it } from 'vitest';
import { describeOnPostgres } from '../../../support/postgres/suite.js';

const URL_ = 'postgres://relay:pass-4711-word@127.0.0.1:1/postgres';

/** The pool of KeyvPostgres has no listener for errors, so the tests leave it unconnected. */
class Unconnected extends KeyvPostgres {
  override connect(): Promise<never> {
    return new Promise(() => {});
  }
}

await describeOnPostgres('the configuration of a KeyvPostgres', (server) => {
  const { hostname: host, port, username: user, password, pathname } = new URL(server.url);
  const parts = { host, port: Number(port || 5432), user, password, database: pathname.slice(1) };
  const cleanUps: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  });

  type Options = ConstructorParameters<typeof KeyvPostgres>[0];
  it.each<[string, Options]>([
    ['a URL', server.url],
    ['uri', { uri: server.url }],
    ['connectionString', { connectionString: server.url }],
    ['connectionString before uri', { connectionString: server.url, uri: URL_ }],
    ['host, user, password and database', parts],
    ['a password that is fetched', { ...parts, password: async () => password }],
    [
      'a URL, and other options',
      { uri: server.url, max: 2, ssl: false, useUnloggedTable: true, application_name: 'a' },
    ],
  ])('the relay connects where @keyv/postgres is told to: %s', async (_, options) => {
    const keyv = new Unconnected(options);
    Object.assign(keyv.opts, { schema: server.freshSchema() });
    const store = postgresStore(keyv);
    cleanUps.push(() => store.close());
    await store.ping();
    expect(await store.create('k', `${'a'.repeat(16)}.x`, Date.now() + 60_000)).toBe(true);
  });

  it('the store uses max and schema of a KeyvPostgres, and the URL comes before them', async () => {
    const schema = server.freshSchema();
    const url = new URL(server.url);
    url.search = '?application_name=keyv-max&connection_limit=3';
    const store = postgresStore(new Unconnected({ uri: url.href, max: 9, schema: schema.toUpperCase() }));
    cleanUps.push(() => store.close());
    await Promise.all(Array.from({ length: 40 }, () => store.get('k')));
    const rows = await server.admin("select 1 from pg_stat_activity where application_name = 'keyv-max'");
    expect(rows).toHaveLength(3);
    expect(await server.admin('select 1 from pg_tables where schemaname = $1', [schema])).toHaveLength(1);
  });
});

describe('the source of a Postgres store', () => {
  it('an old KeyvPostgres is told the version', () => {
    const old = Object.assign(new Unconnected(URL_), { setMany: undefined });
    for (const attempt of [
      () => postgresStore(old),
      () =>
        createRelay({
          publicUrl: 'http://localhost',
          store: old as never,
          keys: ['hg9Z5BGsdbiQ_wpQ8cuW5rF0FXD3nIxr8CvHAjKsM1Q'],
        }),
    ]) {
      expect(attempt).toThrow(TypeError);
      expect(attempt).toThrow('needs 2.2.3 or later');
    }
  });

  it.each<[string, unknown, string]>([
    ['a Client of pg', new pg.Client(URL_), 'pass a Pool, or the URL'],
    [
      'a client of the package postgres',
      Object.assign(() => {}, { begin() {}, unsafe() {}, options: {} }),
      'pass its URL',
    ],
    ['Drizzle on a Pool', { $client: new pg.Pool(), _: {}, session: {} }, 'pass db.$client'],
    ['Drizzle on a Client', { $client: new pg.Client(), _: {}, session: {} }, 'Drizzle: pass the URL'],
    ['Knex', Object.assign(() => {}, { raw() {}, client: {}, schema: {} }), 'Knex'],
    ['a PrismaClient', { $connect() {}, $queryRaw() {} }, 'PrismaClient'],
    ['Sequelize', { getQueryInterface() {}, query() {} }, 'Sequelize'],
    ['Kysely', { selectFrom() {}, insertInto() {} }, 'Kysely'],
    ['a TypeORM DataSource', { createQueryRunner() {}, query() {} }, 'TypeORM'],
    ['a Keyv', new Keyv(), 'createRelay'],
    ['the package pg', pg, 'new pg.Pool'],
    ['options', { connectionString: URL_ }, 'new pg.Pool(options)'],
    ['a URL object', new URL(URL_), 'url.href'],
    ['undefined', undefined, 'is an environment variable unset?'],
    ['an empty text', '', 'is an environment variable unset?'],
    ['a number', 4711, 'must be a postgres:// URL'],
  ])('%s is refused with the way to a source', (_, source, hint) => {
    const attempt = (): unknown => postgresStore(source as never);
    expect(attempt).toThrow(TypeError);
    expect(attempt).toThrow(/^postgresStore: source must be a postgres:\/\/ URL, a KeyvPostgres or a Pool of pg/);
    expect(attempt).toThrow(hint);
    expect(attempt).not.toThrow('4711');
  });

  it.each<[string, PostgresStoreOptions, string]>([
    ['poolSize 0', { poolSize: 0 }, 'postgresStore.poolSize: must be a whole number from 1 to 1000'],
    ['poolSize as text', { poolSize: '10' as never }, 'postgresStore.poolSize: must be a whole number from 1 to 1000'],
    ['a fractional poolSize', { poolSize: 1.5 }, 'postgresStore.poolSize: must be a whole number from 1 to 1000'],
    ['poolSize 10000', { poolSize: 10_000 }, 'postgresStore.poolSize: must be a whole number from 1 to 1000'],
    ['a table with its schema', { table: 'a.b' }, 'name its schema in the option schema'],
    ['a schema with a dot', { schema: 'a.b' }, 'postgresStore.schema: must be 1 to 63'],
    ['prepare as text', { prepare: 'false' as never }, 'postgresStore.prepare: must be true or false'],
    ['null as options', null as never, 'postgresStore'],
  ])('%s is refused', (_, options, message) => {
    expect(() => postgresStore(URL_, options)).toThrow(TypeError);
    expect(() => postgresStore(URL_, options)).toThrow(message);
  });

  it('poolSize beside a Pool is refused, since it would have no effect', () => {
    expect(() => postgresStore(new pg.Pool(), { poolSize: 3 })).toThrow(
      'postgresStore.poolSize: a Pool has its own size',
    );
  });
});
