import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type PostgresStoreOptions, postgresStore } from 'credential-relay/adapters/store/postgres';
import pg from 'pg';
import { afterEach, expect, it } from 'vitest';
import { startTcpProxy } from '../../../support/network/tcp-proxy.js';
import { describeOnOwnPostgres } from '../../../support/postgres/suite.js';
import { testRelay } from '../../../support/relay/relay.js';

const TABLE = 'credential_relay_mailbox';
const PASSWORD = 'pass-4711-word';

interface Cause {
  readonly code: string;
  /** A part of the sentence that names the remedy. */
  readonly remedy: string;
  /** Statements of the superuser, after the table of the relay exists and the role has all rights. */
  readonly sql?: string;
  /** True: there is no table. */
  readonly isBare?: boolean;
  readonly options?: PostgresStoreOptions;
  /** The parameters of the URL. */
  readonly query?: string;
  /** Other parts of the URL. */
  readonly change?: Partial<Pick<URL, 'password' | 'pathname' | 'port'>>;
}

/** `T` is the table, `S` the schema, `R` the role. */
const CAUSES: Readonly<Record<string, Cause>> = {
  'a role without rights on the table': { code: '42501', remedy: 'grant USAGE', sql: 'revoke all on T from R' },
  'a role that may only read': { code: '42501', remedy: 'INSERT', sql: 'revoke insert, update, delete on T from R' },
  'a role that may not delete': { code: '42501', remedy: 'DELETE', sql: 'revoke delete on T from R' },
  'a role that may not use the schema': { code: '42501', remedy: 'USAGE', sql: 'revoke all on schema S from R' },
  'a missing table that the role may not create': { code: '42501', remedy: 'may not create it', isBare: true },
  'a missing schema that the role may not create': {
    code: '42501',
    remedy: 'a new schema: CREATE on the database',
    isBare: true,
    sql: 'drop schema S cascade',
  },
  'row-level security': {
    code: '42501',
    remedy: 'row-level security',
    sql: 'alter table T enable row level security',
  },
  'a trigger that changes the row': {
    code: 'POSTGRES_ROW_CHANGED',
    remedy: 'triggers',
    sql: `create function S.lower() returns trigger language plpgsql as
      $$ begin new.value = upper(new.value); return new; end $$;
      create trigger lower before insert or update on T for each row execute function S.lower()`,
  },
  'a role that is read-only': {
    code: '25006',
    remedy: 'default_transaction_read_only',
    sql: 'alter role R set default_transaction_read_only = on',
  },
  'a table with other columns': {
    code: '42703',
    remedy: 'set another table',
    sql: 'drop table T; create table T (id text primary key, data text); grant all on T to R',
  },
  'a table with another primary key': {
    code: '42P10',
    remedy: 'primary key',
    sql: 'alter table T drop constraint credential_relay_mailbox_pkey',
  },
  'a short column': { code: '22001', remedy: 'another table', sql: 'alter table T alter value type varchar(100)' },
  'a deadline of 32 bits': { code: '22003', remedy: 'another table', sql: 'alter table T alter expires_at type int' },
  'a column of another type': {
    code: '42804',
    remedy: 'another table',
    sql: 'alter table T alter value type bytea using null',
  },
  'another mandatory column': { code: '23502', remedy: 'another table', sql: 'alter table T add owner text not null' },
  'a trigger that refuses the row': {
    code: 'P0001',
    remedy: 'remove triggers',
    sql: `create function S.refuse() returns trigger language plpgsql as
      $$ begin raise exception 'quota of 4711'; end $$;
      create trigger refuse before insert on T for each row execute function S.refuse()`,
  },
  'a rule on inserts': {
    code: '0A000',
    remedy: 'remove the rules',
    sql: 'create rule nothing as on insert to T do instead nothing',
  },
  'a view that accepts no rows': {
    code: '55000',
    remedy: 'is a view',
    sql: 'alter table T rename to rows; create view T as select * from S.rows limit 5; grant all on T to R',
  },
  'a foreign key': {
    code: '23503',
    remedy: 'another table',
    sql: `create table S.other (id text primary key); grant all on S.other to R;
      alter table T add foreign key (key) references S.other (id)`,
  },
  'a full disk': {
    code: '53100',
    remedy: 'free space',
    sql: `create function S.full() returns trigger language plpgsql as
      $$ begin raise exception 'could not extend file' using errcode = '53100'; end $$;
      create trigger full_disk before insert on T execute function S.full()`,
  },
  'a role without free connections': {
    code: '53300',
    remedy: 'lower poolSize',
    sql: 'alter role R connection limit 0',
  },
  'a statement_timeout that is too short': {
    code: '57014',
    remedy: 'raise statement_timeout',
    query: '?statement_timeout=50',
    sql: `create function S.slow() returns trigger language plpgsql as
      $$ begin perform pg_sleep(0.2); return new; end $$;
      create trigger slow before insert on T for each row execute function S.slow()`,
  },
  'a wrong password': { code: '28P01', remedy: 'correct them', change: { password: 'pass-4711-x' } },
  'no password': { code: 'POSTGRES_NO_PASSWORD', remedy: 'PGPASSWORD', change: { password: '' } },
  'an unknown database': { code: '3D000', remedy: 'name another one', change: { pathname: '/none' } },
  'a port without a server': {
    code: 'ECONNREFUSED',
    remedy: 'check host and port',
    change: { port: '1' },
  },
  'a server without TLS': { code: 'POSTGRES_NO_TLS', remedy: 'sslmode=disable', query: '?sslmode=require' },
};

await describeOnOwnPostgres('readiness of Postgres', (server) => {
  const cleanUps: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  });
  const later = (cleanUp: () => unknown): void => void cleanUps.push(cleanUp);

  function open(url: string, options: PostgresStoreOptions) {
    const store = postgresStore(url, options);
    later(() => store.close());
    const failed: unknown[] = [];
    const relay = testRelay({ store, keys: [randomBytes(32)] });
    relay.on('store.failed', (event) => void failed.push(event));
    later(() => relay.close());
    return { store, relay, failed };
  }

  async function prepare({ sql = '', isBare = false }: Cause): Promise<{ schema: string; role: string }> {
    const schema = server.freshSchema();
    const role = `role_${randomBytes(6).toString('hex')}`;
    if (isBare) await server.admin(`create schema ${schema}`);
    else await open(server.url, { schema }).relay.ping();
    await server.admin(`create role ${role} login password '${PASSWORD}'; grant usage on schema ${schema} to ${role}`);
    if (!isBare) await server.admin(`grant all on ${schema}.${TABLE} to ${role}`);
    const names: Record<string, string> = { T: `${schema}.${TABLE}`, S: schema, R: role };
    if (sql !== '') await server.admin(sql.replaceAll(/\b[TSR]\b/g, (name) => names[name] as string));
    return { schema, role };
  }

  it.each(Object.entries(CAUSES))(
    'relay.ping rejects for %s, as a create does, and names the remedy',
    async (_, cause) => {
      const { schema, role } = await prepare(cause);
      const url = new URL(server.url);
      Object.assign(url, { username: role, password: PASSWORD, search: cause.query ?? '' });
      Object.assign(url, cause.change);
      const { store, relay, failed } = open(url.href, { schema, ...cause.options });
      const ping = await relay.ping().then(
        () => undefined,
        (error: Error & { code: string }) => error,
      );
      expect(ping).toMatchObject({ code: cause.code, message: expect.stringContaining(cause.remedy) });
      expect(failed[0]).toMatchObject({ call: 'ping', cause: cause.code, reason: ping?.message });
      expect(ping?.message).not.toMatch(/4711|role_|127\.0\.0\.1/);
      if (cause.code === 'POSTGRES_ROW_CHANGED' || cause.remedy === 'DELETE') return; // A create alone does not notice.
      const created = store.create('k', `${'a'.repeat(16)}.${'x'.repeat(500)}`, Date.now() + 60_000);
      await expect(created).rejects.toMatchObject({ code: cause.code === '53100' ? 'store_full' : cause.code });
    },
  );

  it('relay.ping rejects while another session locks the table, and while the server is a standby', async () => {
    const schema = server.freshSchema();
    const { relay } = open(server.url, { schema });
    await relay.ping();
    const holder = new pg.Client({ connectionString: server.url });
    holder.on('error', () => {});
    await holder.connect();
    await holder.query(`begin; lock table ${schema}.${TABLE}`);
    await expect(relay.ping()).rejects.toMatchObject({ code: '57014' });
    await holder.end();
    await relay.ping();

    const [row] = await server.admin('show data_directory');
    await server.stop();
    await writeFile(join(row?.data_directory as string, 'standby.signal'), '');
    await server.start();
    await expect(relay.ping()).rejects.toMatchObject({
      code: '25006',
      message: expect.stringContaining('target_session_attrs=read-write'),
    });
    await server.admin('select pg_promote()');
    await relay.ping();
  });

  it('concurrent pings of many processes succeed, and leave no row that a sweep would count', async () => {
    const schema = server.freshSchema();
    const stores = Array.from({ length: 8 }, () => open(server.url, { schema, poolSize: 2 }).store);
    await Promise.all(stores.map((store) => store.ping()));
    const healths = await Promise.all(Array.from({ length: 64 }, (_, index) => stores[index % 8]?.ping()));
    expect(healths.every((health) => Math.abs(health?.clockSkewMs ?? 1e6) < 1_000)).toBe(true);
    expect(await server.admin(`select count(*)::int from ${schema}.${TABLE}`)).toEqual([{ count: 0 }]);
    expect(await stores[0]?.sweep?.(100)).toBe(0);
  });

  it('a ping takes six round trips, and the concurrent pings of a store share them', async () => {
    const proxy = await startTcpProxy(server);
    later(() => proxy.close());
    const url = new URL(server.url);
    url.port = String(proxy.port);
    const store = postgresStore(url.href, { schema: server.freshSchema() });
    later(() => store.close());
    await store.ping();
    const before = proxy.roundTrips;
    await Promise.all([store.ping(), store.ping(), store.ping()]);
    expect(proxy.roundTrips - before).toBeLessThanOrEqual(6);
  });
});
