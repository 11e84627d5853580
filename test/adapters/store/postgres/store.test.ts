import { inspect } from 'node:util';
import { KeyvPostgres } from '@keyv/postgres';
import type { MailboxStore } from 'credential-relay';
import { isKeyvPostgres, type PostgresStoreOptions, postgresStore } from 'credential-relay/adapters/store/postgres';
import { storeSuite } from 'credential-relay/testing';
import { Keyv } from 'keyv';
import pg from 'pg';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { startTcpProxy } from '../../../support/network/tcp-proxy.js';
import type { PostgresServer } from '../../../support/postgres/server.js';
import { describeOnPostgres } from '../../../support/postgres/suite.js';

const TABLE = 'credential_relay_mailbox';
const value = (letter: string): string => `${letter.repeat(16)}.rest`;
const revision = (letter: string): string => letter.repeat(16);
const soon = (): number => Date.now() + 60_000;
const times = <Result>(count: number, each: (index: number) => Result): Result[] =>
  Array.from({ length: count }, (_, index) => each(index));

await describeOnPostgres('postgresStore', (server) => {
  const cleanUps: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  });

  function open(options: PostgresStoreOptions = {}, url = server.url): MailboxStore {
    const store = postgresStore(url, { schema: server.freshSchema(), ...options });
    cleanUps.push(() => store.close());
    return store;
  }
  const rows = async (schema: string): Promise<number> =>
    Number((await server.admin(`select count(*) from ${schema}.${TABLE}`))[0]?.count);

  suites(server);

  it('20 concurrent Postgres stores create their table beside a KeyvPostgres that creates the same schema', async () => {
    const schema = server.freshSchema();
    const keyv = new KeyvPostgres({ uri: server.url, schema, idleTimeoutMillis: 1 });
    const stores = times(20, () => open({ schema, poolSize: 1 }));
    const created = await Promise.all(stores.map((store) => store.create('k', value('a'), soon())));
    expect(created.filter(Boolean)).toHaveLength(1);
    await keyv.query('select 1');
    await keyv.disconnect();
  });

  it('the Postgres store migrates a table without a layout comment, and leaves a table of a later layout unchanged', async () => {
    const schema = server.freshSchema();
    await server.admin(`create schema ${schema}`);
    await server.admin(
      `create table ${schema}.${TABLE} (key text primary key, revision text, value text, expires_at bigint not null)`,
    );
    const mark = async (): Promise<unknown> =>
      (await server.admin(`select obj_description('${schema}.${TABLE}'::regclass) as mark`))[0]?.mark;
    const indexes = async (): Promise<number> =>
      (await server.admin('select 1 from pg_indexes where schemaname = $1', [schema])).length;
    expect(await open({ schema }).create('k', value('a'), soon())).toBe(true);
    expect(await mark()).toBe('Mailboxes of credential-relay, layout 1');
    expect(await indexes()).toBe(2);

    await server.admin(`comment on table ${schema}.${TABLE} is 'layout 9'; drop index ${schema}.${TABLE}_expires_at`);
    expect((await open({ schema }).get('k'))?.value).toBe(value('a'));
    expect(await mark()).toBe('layout 9');
    expect(await indexes()).toBe(1);
  });

  it('the Postgres store creates its table again after the table was dropped', async () => {
    const schema = server.freshSchema();
    const store = open({ schema });
    await store.create('k', value('a'), soon());
    await server.admin(`drop table ${schema}.${TABLE}`);
    await expect(store.get('k')).rejects.toMatchObject({ code: '42P01' });
    expect(await store.get('k')).toBeUndefined();
  });

  it('two Postgres stores on one Pool keep their tables apart', async () => {
    const pool = new pg.Pool({ connectionString: server.url, max: 1 });
    cleanUps.push(() => pool.end());
    const schema = server.freshSchema();
    const [one, two] = ['one', 'two'].map((table) => postgresStore(pool, { schema, table }));
    expect(await one?.create('k', value('a'), soon())).toBe(true);
    expect(await two?.get('k')).toBeUndefined();
    expect(await two?.create('k', value('b'), soon())).toBe(true);
    expect((await one?.get('k'))?.value).toBe(value('a'));
  });

  it('the Postgres store leaves the Pool of the host open, and handles its error events', async () => {
    const pool = new pg.Pool({ connectionString: server.url, max: 2 });
    cleanUps.push(() => pool.end());
    const store = postgresStore(pool, { schema: server.freshSchema() });
    expect(pool.listenerCount('error')).toBe(1);
    await store.ping();
    await store.close();
    await store.close();
    await expect(store.get('k')).rejects.toThrow('closed');
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    expect([pool.totalCount - pool.idleCount, pool.waitingCount]).toEqual([0, 0]);
  });

  it('under serializable isolation exactly one of 40 callers wins each change, and the others get a conflict', async () => {
    const url = new URL(server.url);
    url.searchParams.set('options', '-c default_transaction_isolation=serializable');
    const schema = server.freshSchema();
    const stores = times(4, () => open({ schema, poolSize: 5 }, url.href));
    const all = <Answer>(run: (store: MailboxStore) => Promise<Answer>): Promise<Answer[]> =>
      Promise.all(times(40, (index) => run(stores[index % 4] as MailboxStore)));
    const created = await all((store) => store.create('k', value('a'), soon()));
    expect(created.filter(Boolean)).toHaveLength(1);
    const replaced = await all((store) => store.replace('k', revision('a'), value('b')));
    expect(replaced.filter((answer) => answer === 'ok')).toHaveLength(1);
    expect(replaced.filter((answer) => answer === 'conflict')).toHaveLength(39);
  });

  it('the Postgres store runs a statement again that the server undid under serializable isolation', async () => {
    const url = new URL(server.url);
    url.searchParams.set('options', '-c default_transaction_isolation=serializable');
    url.searchParams.set('application_name', 'undone');
    const schema = server.freshSchema();
    const store = open({ schema }, url.href);
    await store.create('k', value('a'), soon());
    const holder = new pg.Client({ connectionString: server.url });
    cleanUps.push(() => holder.end());
    await holder.connect();
    await holder.query(`begin; update ${schema}.${TABLE} set revision = '${revision('b')}', value = '${value('b')}'`);
    const replaced = store.replace('k', revision('a'), value('c'));
    const waiting = async (): Promise<unknown> =>
      (
        await server.admin(
          `select 1 from pg_stat_activity where application_name = 'undone' and wait_event_type = 'Lock'`,
        )
      )[0];
    await expect.poll(waiting, { timeout: 1_000, interval: 10 }).toBeDefined();
    await holder.query('commit');
    expect(await replaced).toBe('conflict');
  });

  it('four concurrent sweepers delete all expired rows, in batches', async () => {
    const schema = server.freshSchema();
    const stores = times(4, () => open({ schema, poolSize: 1 }));
    await Promise.all(stores.map((store) => store.ping()));
    await fill(server, schema, { expired: 5_000, live: 300 });
    const erased = await Promise.all(
      stores.map(async (store) => {
        let sum = 0;
        while ((await rows(schema)) > 300) sum += (await store.sweep?.(250)) ?? 0;
        return sum;
      }),
    );
    expect(erased.reduce((sum, each) => sum + each, 0)).toBe(5_000);
    expect(Math.max(...erased)).toBeLessThan(5_000);
    expect(await rows(schema)).toBe(300);
  });

  it('only one sweeper works at a time, and the others return 0 at once', async () => {
    const schema = server.freshSchema();
    const [one, two] = [open({ schema }), open({ schema })];
    await Promise.all([one.ping(), two.ping()]);
    await fill(server, schema, { expired: 10, live: 0 });
    await server.admin(`create function ${schema}.wait() returns trigger language plpgsql as
      $$ begin perform pg_advisory_xact_lock(77); return old; end $$;
      create trigger wait before delete on ${schema}.${TABLE} for each row execute function ${schema}.wait()`);
    const holder = new pg.Client({ connectionString: server.url });
    cleanUps.push(() => holder.end());
    await holder.connect();
    await holder.query('select pg_advisory_lock(77)');
    const first = one.sweep?.(5);
    const waiting = async (): Promise<unknown> =>
      (await server.admin(`select 1 from pg_locks where locktype = 'advisory' and objid = 77 and not granted`))[0];
    await expect.poll(waiting, { timeout: 1_000, interval: 10 }).toBeDefined();
    expect(await two.sweep?.(100)).toBe(0);
    await holder.query('select pg_advisory_unlock(77)');
    expect(await first).toBe(5);
    expect(await two.sweep?.(100)).toBe(5);
  });

  it('a sweep skips locked rows', async () => {
    const schema = server.freshSchema();
    const store = open({ schema });
    await store.ping();
    await fill(server, schema, { expired: 20, live: 0 });
    const holder = new pg.Client({ connectionString: server.url });
    cleanUps.push(() => holder.end());
    await holder.connect();
    await holder.query(`begin; select from ${schema}.${TABLE} where expires_at <= 5 for update`);
    expect(await store.sweep?.(100)).toBe(15);
    await holder.query('rollback');
    expect(await store.sweep?.(100)).toBe(5);
  });

  it('a sweep never deletes a row with a new entry', async () => {
    const schema = server.freshSchema();
    const [creator, sweeper] = [open({ schema }), open({ schema })];
    await creator.ping();
    await fill(server, schema, { expired: 300, live: 0 });
    const sweeping = (async () => {
      for (let round = 0; round < 60; round += 1) await sweeper.sweep?.(10);
    })();
    const created = await Promise.all(
      times(300, (index) => creator.create(`expired:${index + 1}`, value('n'), soon())),
    );
    await sweeping;
    expect(created.every(Boolean)).toBe(true);
    expect(await rows(schema)).toBe(300);
  });

  it('ping reports the clock skew of Postgres, here about 0 ms', async () => {
    expect(Math.abs((await open().ping()).clockSkewMs)).toBeLessThan(process.env.TEST_POSTGRES_URL ? 60_000 : 500);
  });

  it('the Postgres store rejects a value that is not text', async () => {
    await expect(open().create('k', { revision: revision('a') }, soon())).rejects.toThrow(TypeError);
    await expect(open().replace('k', revision('a'), { revision: revision('a') })).rejects.toThrow(TypeError);
  });

  it('the Postgres store repeats no password, key or value in an error', async () => {
    const password = 'pass-4711-word';
    const { host, pathname } = new URL(server.url);
    const urls = [
      `postgres://nobody-here:${password}@${host}${pathname}`,
      `postgres://relay:${password}@127.0.0.1:1${pathname}`,
      `postgres://relay:${password}@nowhere.invalid${pathname}`,
    ];
    const failures = await Promise.all(
      urls.map((url) =>
        open({}, url)
          .create('key-4711', `${value('v')}-4711`, soon())
          .catch((error: unknown) => error),
      ),
    );
    const schema = server.freshSchema();
    const store = open({ schema });
    await store.ping();
    await server.admin(`alter table ${schema}.${TABLE} add check (value not like '%4711%')`);
    failures.push(await store.create('key-4711', `${value('v')}-4711`, soon()).catch((error: unknown) => error));
    expect(failures.map((failure) => (failure as { code?: string }).code)).toEqual([
      expect.stringMatching(/^28/),
      'ECONNREFUSED',
      expect.stringMatching(/^E/),
      '23514',
    ]);
    for (const failure of failures) {
      expect(failure).toBeInstanceOf(Error);
      expect(inspect(failure, { depth: 9, showHidden: true })).not.toContain('4711');
    }
  });
});

/**
 * The store uses only the configuration. The pool of KeyvPostgres has no listener for errors, so a broken connection
 * would throw an uncatchable error.
 */
class Unconnected extends KeyvPostgres {
  override connect(): Promise<never> {
    return new Promise(() => {});
  }
}

/** The published suite, for each kind of source. */
function suites(server: PostgresServer): void {
  const { hostname: host, port } = new URL(server.url);
  const address = { host, port: Number(port || 5432) };
  const variants: Record<string, (url: string, schema: string) => MailboxStore> = {
    'a URL': (url, schema) => postgresStore(url, { schema, poolSize: 4 }),
    'a URL with prepare: false': (url, schema) => postgresStore(url, { schema, poolSize: 4, prepare: false }),
    'a KeyvPostgres': (uri, schema) => postgresStore(new Unconnected({ uri, schema, max: 4 })),
    'a Pool of the host': (connectionString, schema) => {
      const pool = new pg.Pool({ connectionString, max: 4 });
      const store = postgresStore(pool, { schema });
      let ended: Promise<void> | undefined;
      const close = async (): Promise<void> => {
        ended ??= store.close().then(() => pool.end());
        await ended;
      };
      return { ...store, close };
    },
  };
  // The variants run concurrently, each with one test after another: they mostly wait for deadlines.
  for (const [name, make] of Object.entries(variants)) {
    describe.concurrent(`from ${name}`, async () => {
      const proxy = await startTcpProxy(address);
      const url = new URL(server.url);
      url.host = `127.0.0.1:${proxy.port}`;
      const schema = server.freshSchema();
      afterAll(() => proxy.close());
      storeSuite(it.sequential, {
        open: async () => make(url.href, schema),
        async breakBackend() {
          proxy.cut();
          return async () => proxy.mend();
        },
      });
    });
  }
}

async function fill(server: PostgresServer, schema: string, count: { expired: number; live: number }): Promise<void> {
  await server.admin(`insert into ${schema}.${TABLE}
    select 'expired:' || n, '${revision('a')}', '${value('a')}', n from generate_series(1, ${count.expired}) n
    union all
    select 'live:' || n, '${revision('a')}', '${value('a')}', ${soon()} from generate_series(1, ${count.live}) n`);
}

describe('source and options of postgresStore', () => {
  const url = 'postgres://relay:pass-4711-word@127.0.0.1:1/postgres';

  it.each([
    ['a URL of another scheme', 'mysql://relay:pass-4711-word@127.0.0.1/x', {}, 'source'],
    ['a malformed URL', 'postgres://relay:pass-4711-word#@127.0.0.1:x/y', {}, 'URL'],
    ['the default table of Keyv', url, { table: 'keyv' }, 'table'],
    ['a table with invalid characters', url, { table: 'a"; drop table x' }, 'table'],
    ['an empty table', url, { table: '' }, 'table'],
    ['a long table', url, { table: 'a'.repeat(49) }, 'table'],
    ['a schema with invalid characters', url, { schema: 'a b' }, 'postgresStore.schema: must be'],
    ['an unknown option', url, { tabel: 'x' } as object, 'postgresStore.tabel: there is no such option'],
  ])('postgresStore rejects %s', (_, source, options, word) => {
    const attempt = (): unknown => postgresStore(source, options);
    expect(attempt).toThrow(TypeError);
    expect(attempt).toThrow(word);
    expect(attempt).not.toThrow('4711');
  });

  it('postgresStore recognizes a KeyvPostgres, does not use its table, and handles its error events', async () => {
    const keyv = new KeyvPostgres({ uri: url, table: 'theirs', schema: 'Mixed' });
    expect([keyv, new Keyv(), new Map(), 'x', null, { query() {} }].map(isKeyvPostgres)).toEqual([
      true,
      ...times(5, () => false),
    ]);
    expect(() => postgresStore(keyv, { table: 'theirs' })).toThrow(TypeError);
    const store = postgresStore(keyv);
    await expect(store.get('k')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await store.close();
  });
});
