import { postgresStore } from 'credential-relay/adapters/store/postgres';
import pg from 'pg';
import { afterEach, expect, it } from 'vitest';
import { startTcpProxy } from '../../../support/network/tcp-proxy.js';
import { describeOnOwnPostgres } from '../../../support/postgres/suite.js';
import {
  createAndReplace,
  eventually,
  expectNotifications,
  subscribe,
  subscribeAndWait,
} from '../../../support/store/changes.js';

/** The check interval of 3 s, its time-out of 2 s, and a margin for a busy machine. */
const SILENCE_MS = 9_000;

/** Shorter than the check interval. */
const AT_ONCE_MS = 2_000;

await describeOnOwnPostgres('outages of a subscription to Postgres', (server) => {
  const cleanUps: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  });
  const later = (cleanUp: () => unknown): void => void cleanUps.push(cleanUp);

  function open(schema: string, name = 'teller') {
    const url = new URL(server.url);
    url.searchParams.set('application_name', name);
    const store = postgresStore(url.href, { schema });
    later(() => store.close());
    return store;
  }
  const endConnections = (name: string) =>
    server.admin('select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = $1', [name]);

  it('the Postgres store subscribes again after its subscription is cut, and resyncs its listeners', async () => {
    const schema = server.freshSchema();
    const teller = open(schema);
    const listener = await subscribeAndWait(open(schema, 'hearer'));
    for (const round of [2, 3]) {
      expect(await endConnections('hearer')).toHaveLength(1);
      await eventually(() => listener.resyncCount(), AT_ONCE_MS).toBe(round);
      await createAndReplace(teller, `relay:${round}`);
      await eventually(() => listener.keys.at(-1)).toBe(`relay:${round}`);
    }
    expect(listener.keys).toEqual(['relay:2', 'relay:3']);
  });

  it('the Postgres store publishes again after its pool connections are cut', async () => {
    const schema = server.freshSchema();
    const teller = open(schema);
    const listener = await subscribeAndWait(open(schema, 'hearer'));
    await createAndReplace(teller, 'relay:1');
    await eventually(() => listener.keys).toEqual(['relay:1']);
    await endConnections('teller');
    await expectNotifications(teller, listener);
    expect(listener.resyncCount()).toBe(1);
  });

  it.each(['stop', 'kill'] as const)(
    'the Postgres store subscribes again after a %s and a late restart of Postgres',
    async (how) => {
      const schema = server.freshSchema();
      const teller = open(schema);
      const listener = await subscribeAndWait(open(schema));
      await server[how]();
      const late = subscribe(open(schema));
      await expect(teller.get('relay:k')).rejects.toThrow();
      await server.start();
      await eventually(() => [listener.resyncCount(), late.resyncCount()]).toEqual([2, 1]);
      await expectNotifications(teller, listener);
      await expectNotifications(teller, late);
    },
  );

  it('the Postgres store detects a silent server and a replaced session, and subscribes again', async () => {
    const schema = server.freshSchema();
    const teller = open(schema);
    const proxy = await startTcpProxy(server);
    later(() => proxy.close());
    const url = new URL(server.url);
    url.host = `127.0.0.1:${proxy.port}`;
    // Like a pooler in transaction mode: the command runs in a session that another client gets afterwards.
    class Pooled extends pg.Client {
      override query(...args: unknown[]): never {
        const [query] = args as [{ text?: string } | undefined];
        const asked = /^listen/.test(query?.text ?? '') ? ['select 1'] : args;
        return super.query(...(asked as [never])) as never;
      }
    }
    const pool = new pg.Pool({ connectionString: server.url, Client: Pooled } as pg.PoolConfig);
    later(() => pool.end());
    const pooled = postgresStore(pool, { schema });
    const halted = postgresStore(url.href, { schema });
    for (const store of [pooled, halted]) later(() => store.close());

    const deaf = await subscribeAndWait(pooled);
    await eventually(() => deaf.resyncCount(), SILENCE_MS).toBe(2);
    const listener = await subscribeAndWait(halted);
    const proxied = proxy.accepted;
    server.pause();
    later(() => server.resume());
    await eventually(() => proxy.accepted, SILENCE_MS).toBeGreaterThan(proxied);
    expect(listener.resyncCount()).toBe(1);
    server.resume();
    await eventually(() => listener.resyncCount()).toBe(2);
    await expectNotifications(teller, listener);
  }, 40_000);

  it('a change succeeds even if Postgres refuses pg_notify', async () => {
    const schema = server.freshSchema();
    await open(schema).ping();
    await server.admin(`create role quiet login password 'quiet';
      grant usage on schema ${schema} to quiet;
      grant select, insert, update, delete on ${schema}.credential_relay_mailbox to quiet;
      revoke execute on function pg_catalog.pg_notify(text, text) from public`);
    const url = new URL(server.url);
    Object.assign(url, { username: 'quiet', password: 'quiet' });
    const quiet = postgresStore(url.href, { schema });
    later(() => quiet.close());
    const loud = open(schema);
    const heard = await Promise.all([subscribeAndWait(quiet), subscribeAndWait(loud)]);
    await Promise.all(Array.from({ length: 20 }, (_, index) => createAndReplace(quiet, `relay:${index}`)));
    await createAndReplace(loud, 'relay:last');
    await eventually(() => heard.map(({ keys: words }) => words)).toEqual([['relay:last'], ['relay:last']]);
    await server.admin('grant execute on function pg_catalog.pg_notify(text, text) to public');
    await expectNotifications(quiet, heard[1] as (typeof heard)[number]);
  });

  it('close during an outage does not wait for Postgres', async () => {
    const schema = server.freshSchema();
    const store = open(schema);
    await subscribeAndWait(store);
    server.pause();
    later(() => server.resume());
    store.changes?.publish?.('relay:k');
    const started = performance.now();
    await store.close();
    expect(performance.now() - started).toBeLessThan(3_500);
  });
});
