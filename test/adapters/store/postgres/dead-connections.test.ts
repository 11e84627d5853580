import { randomBytes } from 'node:crypto';
import type { MailboxStore, Relay } from 'credential-relay';
import { postgresStore } from 'credential-relay/adapters/store/postgres';
import pg from 'pg';
import { afterEach, expect, it } from 'vitest';
import { type BlackHoleProxy, startBlackHoleProxy } from '../../../support/network/black-hole.js';
import { describeOnOwnPostgres } from '../../../support/postgres/suite.js';
import { createBody, device, sharedMailbox, testRelay } from '../../../support/relay/relay.js';
import { createAndReplace, eventually, subscribeAndWait } from '../../../support/store/changes.js';

/** The deadline of one call, and a margin for a busy machine. */
const STREAK_MS = 2_500;

await describeOnOwnPostgres('connections to Postgres that are dead without a word', (server) => {
  const cleanUps: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  });
  const later = (cleanUp: () => unknown): void => void cleanUps.push(cleanUp);

  async function open(kind: string, max = 10): Promise<{ proxy: BlackHoleProxy; store: MailboxStore; relay: Relay }> {
    const proxy = await startBlackHoleProxy(server.port);
    later(() => proxy.close());
    const url = new URL(server.url);
    url.port = String(proxy.port);
    const schema = server.freshSchema();
    const pool = new pg.Pool({ connectionString: url.href, max, idleTimeoutMillis: 60_000 });
    later(() => pool.end());
    const store = kind === 'own' ? postgresStore(url.href, { schema, poolSize: max }) : postgresStore(pool, { schema });
    later(() => store.close());
    const relay = testRelay({ store, keys: [randomBytes(32)] });
    later(() => relay.close());
    await relay.ping(); // Waits for the check at start.
    return { proxy, store, relay };
  }

  /** Opens all connections of the pool. */
  async function fillPool(relay: Relay, proxy: BlackHoleProxy, count: number): Promise<string> {
    const { url } = await sharedMailbox(relay);
    while (proxy.open < count) {
      await Promise.all(Array.from({ length: 4 * count }, () => device(relay).preview(url)));
    }
    return url;
  }

  it.each([
    ['own', 'creates', 10],
    ['own', 'previews', 10],
    ["host's", 'creates', 10],
    ["host's", 'previews', 10],
    ["host's", 'creates', 1],
  ])('the store heals as a whole: %s pool, one of the %s after another, %d connections', async (kind, what, max) => {
    const { proxy, relay } = await open(kind, max);
    const url = await fillPool(relay, proxy, max);
    const request = what === 'creates' ? () => device(relay).create(createBody()) : () => device(relay).preview(url);
    proxy.blackHole();
    const started = performance.now();
    const statuses: number[] = [];
    while (statuses.at(-1) !== 200) statuses.push((await request()).status);
    const streak = performance.now() - started;
    expect(statuses.length).toBeLessThanOrEqual(what === 'creates' ? 2 : 1);
    expect(streak).toBeLessThan(what === 'creates' ? STREAK_MS : 1_500);
    // No further request pays.
    const again = performance.now();
    const answers = await Promise.all(Array.from({ length: 2 * max }, request));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(performance.now() - again).toBeLessThan(1_000);
  });

  it('the store heals as a whole under load', async () => {
    const { proxy, relay } = await open('own');
    const url = await fillPool(relay, proxy, 10);
    let running = true;
    const last = { refused: 0, created: 0, read: 0 };
    const lane = async (index: number): Promise<void> => {
      while (running) {
        const create = index % 2 === 0;
        const { status } = await (create ? device(relay).create(createBody()) : device(relay).preview(url));
        last[status === 503 ? 'refused' : create ? 'created' : 'read'] = performance.now();
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    const lanes = Array.from({ length: 20 }, (_, index) => lane(index));
    await expect.poll(() => last.created > 0 && last.read > 0, { interval: 5 }).toBe(true);
    proxy.blackHole();
    const started = performance.now();
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    running = false;
    await Promise.all(lanes);
    expect(last.refused - started).toBeLessThan(STREAK_MS);
    expect(Math.min(last.created, last.read) - started).toBeGreaterThan(4_500);
  });

  it('a slow statement on a healthy server closes no connection', async () => {
    const { proxy, store, relay } = await open('own', 4);
    await fillPool(relay, proxy, 4);
    await store.create('relay:slow', `${'a'.repeat(16)}.x`, Date.now() + 60_000);
    const schema = (
      await server.admin(`select schemaname from pg_tables where tablename = 'credential_relay_mailbox'
      order by schemaname`)
    ).map(({ schemaname }) => schemaname);
    const holder = new pg.Client({ connectionString: server.url });
    later(() => holder.end());
    await holder.connect();
    await holder.query('begin');
    for (const each of schema) {
      await holder.query(`select from ${each}.credential_relay_mailbox where key = 'relay:slow' for update`);
    }
    const before = proxy.open;
    const slow = store.replace('relay:slow', 'a'.repeat(16), `${'b'.repeat(16)}.x`);
    await new Promise((resolve) => setTimeout(resolve, 900));
    for (let count = 0; count < 8; count += 1) expect(await store.get('relay:none')).toBeUndefined();
    await holder.query('commit');
    expect(await slow).toBe('ok');
    expect(proxy.open).toBe(before);
  });

  it('a slow read on a healthy server runs once, and keeps its connection', async () => {
    const { proxy, relay } = await open('own', 2);
    await fillPool(relay, proxy, 2);
    const schema = server.freshSchema();
    const owner = postgresStore(server.url, { schema });
    later(() => owner.close());
    await owner.create('relay:slow', `${'a'.repeat(16)}.x`, Date.now() + 60_000);
    const role = `${schema}_role`;
    await server.admin(`create role ${role} login password 'p';
      grant usage on schema ${schema} to ${role};
      grant all on all tables in schema ${schema} to ${role};
      create sequence ${schema}.runs;
      grant all on ${schema}.runs to ${role};
      create function ${schema}.wait() returns boolean language plpgsql as $$
        begin perform nextval('${schema}.runs'); perform pg_sleep(0.9); return true; end $$;
      alter table ${schema}.credential_relay_mailbox enable row level security;
      create policy slow on ${schema}.credential_relay_mailbox using (${schema}.wait())`);
    later(() => server.admin(`drop schema ${schema} cascade; drop owned by ${role}; drop role ${role}`));
    const url = Object.assign(new URL(server.url), { port: String(proxy.port), username: role, password: 'p' });
    const store = postgresStore(url.href, { schema, poolSize: 1, changes: false });
    later(() => store.close());
    const accepted = proxy.accepted;
    expect(await store.get('relay:slow')).toMatchObject({ value: `${'a'.repeat(16)}.x` });
    expect(await store.get('relay:slow')).toMatchObject({ value: `${'a'.repeat(16)}.x` });
    expect(await server.admin(`select last_value::int as runs from ${schema}.runs`)).toEqual([{ runs: 2 }]);
    // One of the pool, and one per trial of the server.
    expect(proxy.accepted - accepted).toBeLessThanOrEqual(3);
  });

  it.each(['own', "host's"])('%s pool serves again after connections that never opened', async (kind) => {
    const { proxy, relay } = await open(kind, 2);
    await fillPool(relay, proxy, 2);
    proxy.ignoreNew();
    proxy.blackHole();
    const create = async () => (await device(relay).create(createBody())).status;
    // Until all connections of the pool are new ones, which never open.
    for (const end = performance.now() + 3_000; performance.now() < end; ) {
      expect(await Promise.all([create(), create(), create()])).toEqual([503, 503, 503]);
    }
    proxy.serveNew();
    const started = performance.now();
    let status = 503;
    while (status !== 200 && performance.now() - started < STREAK_MS) status = await create();
    expect(status).toBe(200);
    expect(await Promise.all([create(), create(), create()])).toEqual([200, 200, 200]);
  });

  it('a dead subscription is replaced when a statement finds dead connections', async () => {
    const { proxy, store } = await open('own');
    const listener = await subscribeAndWait(store);
    await createAndReplace(store, 'relay:1');
    await eventually(() => listener.keys).toEqual(['relay:1']);
    proxy.blackHole();
    await store.get('relay:1');
    await eventually(() => listener.resyncCount(), 2_500).toBe(2);
    await createAndReplace(store, 'relay:2');
    await eventually(() => listener.keys.at(-1)).toBe('relay:2');
  });
});
