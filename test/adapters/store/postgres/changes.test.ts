import { KeyvPostgres } from '@keyv/postgres';
import type { MailboxStore } from 'credential-relay';
import { type PostgresStoreOptions, postgresStore } from 'credential-relay/adapters/store/postgres';
import pg from 'pg';
import { afterEach, describe, expect, it } from 'vitest';
import { buildPayloads } from '../../../../adapters/store/postgres/change-publisher.js';
import type { PostgresServer } from '../../../support/postgres/server.js';
import { describeOnPostgres } from '../../../support/postgres/suite.js';
import {
  buildSubscriberProcess,
  createAndReplace,
  eventually,
  expectNotifications,
  revision,
  soon,
  subscribe,
  subscribeAndWait,
  value,
} from '../../../support/store/changes.js';

const CHANNEL = 'credential_relay_mailbox_changes';
const times = <Result>(count: number, each: (index: number) => Result): Result[] =>
  Array.from({ length: count }, (_, index) => each(index));
/** As long as a key of the relay. */
const longKey = (index: number): string => `relay:${String(index).padStart(43, '0')}`;

await describeOnPostgres('change notifications in Postgres', (server) => {
  const cleanUps: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  });
  const later = (cleanUp: () => unknown): void => void cleanUps.push(cleanUp);

  function open(options: PostgresStoreOptions = {}, source: Parameters<typeof postgresStore>[0] = server.url) {
    const store = postgresStore(source, { schema: server.freshSchema(), ...options });
    later(() => store.close());
    return store;
  }
  /** Two stores on one table. */
  function openTwo(options: PostgresStoreOptions = {}): [MailboxStore, MailboxStore] {
    const schema = server.freshSchema();
    return [open({ schema, ...options }), open({ schema, ...options })];
  }
  const isListening = (name: string): Promise<number> => connections(server, name);

  it('a notification reaches each store, the publisher included', async () => {
    const [one, two] = openTwo();
    const heard = [await subscribeAndWait(two), await subscribeAndWait(one)];
    await createAndReplace(one, 'relay:k');
    for (const { keys: words } of heard) await eventually(() => words).toEqual(['relay:k']);
  });

  it('1,000 replaces send 1,000 notifications', async () => {
    const [one, two] = openTwo();
    const { keys: words } = await subscribeAndWait(two);
    const keys = times(1000, longKey);
    const lane = async (): Promise<void> => {
      for (let key = keys.pop(); key !== undefined; key = keys.pop()) await createAndReplace(one, key);
    };
    await Promise.all(times(10, lane)); // One per connection, so that no call waits for a connection.
    await eventually(() => words.length).toBe(1000);
    expect(new Set(words).size).toBe(1000);
  });

  it('only publish sends a notification, as create and replace would make commits wait for each other', async () => {
    const [one, two] = openTwo();
    const { keys: words } = await subscribeAndWait(two);
    await one.create('relay:k', value('a'), soon());
    expect(await one.replace('relay:k', revision('a'), value('b'))).toBe('ok');
    expect(await one.replace('relay:k', revision('a'), value('b'))).toBe('conflict');
    await createAndReplace(one, 'relay:last');
    await eventually(() => words).toEqual(['relay:last']);
  });

  it('10,000 concurrent notifications all arrive, in payloads that Postgres accepts', async () => {
    const [one, two] = openTwo();
    const { keys: words } = await subscribeAndWait(two);
    const raw = await rawMessages(server, later);
    const keys = times(10_000, longKey);
    for (const key of keys) one.changes?.publish?.(key);
    await eventually(() => words.length, 10_000).toBe(10_000);
    expect(words).toEqual(keys);
    await eventually(() => raw.flatMap(({ payload }) => payload.split(',')).length).toBe(10_000);
    expect(Math.max(...raw.map(({ payload }) => Buffer.byteLength(payload)))).toBeLessThan(8000);
    expect(raw.length).toBeLessThan(70);
    // All over one connection.
    expect(new Set(raw.map(({ process }) => process)).size).toBe(1);
  });

  it('the Postgres store drops notifications beyond its limit', async () => {
    const [one, two] = openTwo();
    const { keys: words } = await subscribeAndWait(two);
    for (let index = 0; index < 20_000; index += 1) one.changes?.publish?.(longKey(index));
    await eventually(() => words.length, 10_000).toBe(16_384);
    await createAndReplace(one, 'relay:last');
    await eventually(() => words.at(-1)).toBe('relay:last');
    expect(words).toHaveLength(16_385);
  });

  it('the Postgres store publishes at once, then at most 100 times per second', async () => {
    const [one, two] = openTwo();
    const { keys: words } = await subscribeAndWait(two);
    const raw = await rawMessages(server, later);
    one.changes?.publish?.('relay:first');
    await eventually(() => words).toEqual(['relay:first']);
    const started = performance.now();
    const keys = times(200, longKey);
    for (const key of keys) {
      one.changes?.publish?.(key);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await eventually(() => words.length).toBe(201);
    expect(raw.length).toBeLessThanOrEqual(2 + (performance.now() - started) / 10);
    expect(raw.length).toBeGreaterThan(2);
  });

  it('concurrent changes of one entry send one notification', async () => {
    const [one, two] = openTwo();
    const { keys: words } = await subscribeAndWait(two);
    for (let round = 0; round < 5; round += 1) one.changes?.publish?.('relay:k');
    await createAndReplace(one, 'relay:last');
    await eventually(() => words).toEqual(['relay:k', 'relay:last']);
  });

  it('a notification stays within its table, whether or not the schema is named', async () => {
    const schema = server.freshSchema();
    await server.admin(`create schema ${schema}`);
    const url = new URL(server.url);
    url.searchParams.set('options', `-c search_path=${schema}`);
    const named = open({ schema });
    const unnamed = postgresStore(url.href);
    const other = open({ table: 'other' });
    later(() => unnamed.close());
    const heard = [await subscribeAndWait(unnamed), await subscribeAndWait(other)] as const;
    await createAndReplace(named, 'relay:1');
    await createAndReplace(other, 'relay:2');
    await eventually(() => heard.map(({ keys: words }) => words)).toEqual([['relay:1'], ['relay:2']]);
    const longest = open({ table: `T${'x'.repeat(47)}` });
    await expectNotifications(longest, await subscribeAndWait(longest));
  });

  it('a notification reaches another process, which ends after it closes its store', async () => {
    const program = await buildSubscriberProcess();
    later(program.remove);
    const schema = server.freshSchema();
    const other = program.start('listen', 'postgres', server.url, schema);
    await eventually(() => other.lines()).toEqual(['missed']);
    await createAndReplace(open({ schema }), 'relay:k');
    await eventually(() => other.lines()).toEqual(['missed', 'relay:k']);
    other.close();
    expect(await other.ended).toBe(0);
    expect(other.lines().at(-1)).toBe('closed');
  });

  it('a subscription does not keep the process alive', async () => {
    const program = await buildSubscriberProcess();
    later(program.remove);
    const url = new URL(server.url);
    url.searchParams.set('application_name', 'abandon');
    const other = program.start('abandon', 'postgres', url.href);
    await eventually(() => other.lines()).toEqual(['missed']);
    const started = performance.now();
    expect(await other.ended).toBe(0);
    expect(performance.now() - started).toBeLessThan(2000); // Before the first timer of the connection.
    expect(other.lines()).toEqual(['missed']);
    await eventually(() => isListening('abandon')).toBe(0);
  });

  it('all listeners share one connection, which closes after the last unsubscribe', async () => {
    const url = named(server, 'shared');
    const store = open({}, url);
    const first = await subscribeAndWait(store);
    const second = subscribe(store);
    await eventually(() => second.resyncCount()).toBe(1);
    expect(await isListening('shared')).toBe(1);
    await first.stop();
    await createAndReplace(store, 'relay:1');
    await eventually(() => second.keys).toEqual(['relay:1']);
    expect(first.keys).toEqual([]);
    await second.stop();
    const listeners = (): Promise<number> => connections(server, 'shared', "query ilike 'listen%'");
    await eventually(listeners).toBe(0);
  });

  it('closing the Postgres store publishes pending notifications and closes each connection', async () => {
    const schema = server.freshSchema();
    const closing = open({ schema }, named(server, 'closing'));
    const { keys: words } = await subscribeAndWait(open({ schema }));
    const own = await subscribeAndWait(closing);
    await createAndReplace(closing, 'relay:1');
    await eventually(() => words).toEqual(['relay:1']);
    closing.changes?.publish?.('relay:2'); // Within the 10 ms, so this notification waits.
    await closing.close();
    await eventually(() => words).toEqual(['relay:1', 'relay:2']);
    expect(await isListening('closing')).toBe(0);
    closing.changes?.publish?.('relay:3');
    const late = subscribe(closing);
    await late.stop();
    expect([own.resyncCount(), late.resyncCount(), await isListening('closing')]).toEqual([1, 0, 0]);
  });

  it('the Postgres store subscribes with the configuration of a KeyvPostgres or a Pool, and leaves both open', async () => {
    const schema = server.freshSchema();
    const keyv = new KeyvPostgres({ uri: named(server, 'keyv'), schema, idleTimeoutMillis: 1 });
    const { hostname, port, username, password, pathname } = new URL(server.url);
    // With separate options, so that the Pool hides its password, and with only one connection.
    const pool = new pg.Pool({
      host: hostname,
      port: Number(port || 5432),
      user: username,
      password,
      database: pathname.slice(1),
      application_name: 'pool',
      max: 1,
    });
    const stores = [postgresStore(keyv), postgresStore(pool, { schema })];
    const listeners = await Promise.all(stores.map(subscribeAndWait));
    for (const store of stores)
      await expectNotifications(store, listeners[0] as Awaited<ReturnType<typeof subscribeAndWait>>);
    expect(listeners[1]?.keys.length).toBeGreaterThanOrEqual(2);
    expect([await isListening('pool'), pool.totalCount]).toEqual([2, 1]);
    await pool.end(); // The subscribed client is not part of the Pool, so `end` does not wait for the client.
    await Promise.all(stores.map((store) => store.close()));
    await eventually(async () => [await isListening('pool'), await isListening('keyv')]).toEqual([0, 0]);
    await keyv.disconnect();
  });

  it('the Postgres store has no changes with a Pool that hides its configuration', async () => {
    const pool = new pg.Pool({ connectionString: server.url });
    later(() => pool.end());
    const likeness = {
      totalCount: 0,
      connect: () => pool.connect(),
      query: (text: string) => pool.query(text),
      end: () => pool.end(),
      on: (event: 'error', listener: () => void) => pool.on(event, listener),
      listenerCount: (event: 'error') => pool.listenerCount(event),
    };
    const store = open({}, likeness);
    expect(store.changes).toBeUndefined();
    await createAndReplace(store, 'relay:k');
  });

  it('the Postgres store with prepare: false has no changes by default', async () => {
    expect(open({ prepare: false }).changes).toBeUndefined();
    expect(open({ changes: false }).changes).toBeUndefined();
    const [one, two] = openTwo({ prepare: false, changes: true });
    await expectNotifications(one, await subscribeAndWait(two));
  });
});

describe('buildPayloads', () => {
  it('buildPayloads joins keys to the fewest payloads under 8000 bytes, each key once', () => {
    expect(buildPayloads([])).toEqual([]);
    expect(buildPayloads(['a'])).toEqual(['a']);
    for (const length of [1, 49, 127, 128]) {
      const keys = times(3000, (index) => `${index}`.padStart(length, 'x'));
      const payloads = buildPayloads(keys);
      expect(payloads.flatMap((payload) => payload.split(','))).toEqual(keys);
      expect(Math.max(...payloads.map((payload) => payload.length))).toBeLessThan(8000);
      for (const payload of payloads.slice(0, -1)) expect(payload.length).toBeGreaterThan(7700);
    }
  });
});

/** The URL of the server with an application name. */
function named(server: PostgresServer, name: string): string {
  const url = new URL(server.url);
  url.searchParams.set('application_name', name);
  return url.href;
}

async function connections(server: PostgresServer, name: string, further = 'true'): Promise<number> {
  const rows = await server.admin(`select 1 from pg_stat_activity where application_name = $1 and ${further}`, [name]);
  return rows.length;
}

/** The received notifications, each with the process id of its publisher. */
async function rawMessages(
  server: PostgresServer,
  later: (cleanUp: () => unknown) => void,
): Promise<{ payload: string; process: number }[]> {
  const client = new pg.Client({ connectionString: server.url });
  later(() => client.end());
  await client.connect();
  const messages: { payload: string; process: number }[] = [];
  client.on('notification', ({ payload = '', processId }) => void messages.push({ payload, process: processId }));
  await client.query(`listen ${CHANNEL}`);
  return messages;
}
