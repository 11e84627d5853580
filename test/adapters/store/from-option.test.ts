import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import KeyvPostgres from '@keyv/postgres';
import KeyvRedis from '@keyv/redis';
import { keyvStore, type MailboxStore, type Relay, type RelayEvent, storeFromUrl } from 'credential-relay';
import { storeSuite } from 'credential-relay/testing';
import { Keyv, type KeyvStoreAdapter } from 'keyv';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { describeOnPostgres } from '../../support/postgres/suite.js';
import { type RedisServer, startRedis, withRedis } from '../../support/redis/server.js';
import { device, sharedMailbox, testRelay } from '../../support/relay/relay.js';

/* Each kind of the option `store` of `createRelay` leads to the same mailboxes. */

const keys = [randomBytes(32)];
const closing: Array<{ close(): Promise<unknown> }> = [];

afterEach(async () => {
  for (const thing of closing.splice(0)) await thing.close();
});

function closed<Thing extends { close(): Promise<unknown> }>(thing: Thing): Thing {
  closing.push(thing);
  return thing;
}

/** Creates a mailbox through one relay, and binds, updates and deletes it through another. */
async function handOver(one: Relay, two: Relay): Promise<void> {
  const { sender, url } = await sharedMailbox(one);
  const receiver = device(two);
  expect((await receiver.read(url)).status).toBe(200);
  expect((await device(one).read(url)).status).toBe(401);
  expect((await receiver.update(url)).status).toBe(200);
  expect((await sender.read(url)).headers.get('Mailbox-Receiver')).toBe('bound');
  expect((await receiver.delete(url)).status).toBe(200);
  expect((await sender.read(url)).status).toBe(404);
}

withRedis(it, () => {
  describe('the option store with Redis', () => {
    let server: RedisServer;
    beforeAll(async () => {
      server = await startRedis();
    });
    afterAll(() => server.close());

    it('a KeyvRedis, a Keyv on it, and a URL lead to the same mailboxes', async () => {
      const keyv = new KeyvRedis(server.url);
      const byUrl = closed(storeFromUrl(server.url));
      const relays = [keyv, new Keyv({ store: keyv }), byUrl].map((store) => closed(testRelay({ store, keys })));
      const [adapter, wrapped, url] = relays as [Relay, Relay, Relay];
      await handOver(adapter, url);
      await handOver(url, wrapped);
      await keyv.disconnect(true);
    });

    it('the relay warns exactly once about a Redis that may evict live mailboxes', async () => {
      await server.command('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
      const events: RelayEvent[] = [];
      const store = closed(storeFromUrl(server.url));
      const relay = closed(testRelay({ store, keys, onEvent: (event) => events.push(event) }));
      await expect.poll(() => events.map((event) => 'warning' in event && event.warning)).toContain('store_evicts');
      expect((await relay.ping()).evictionPolicy).toBe('allkeys-lru');
      expect(events.filter((event) => 'warning' in event && event.warning === 'store_evicts')).toHaveLength(1);
      await server.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    });

    describe('the option store with keyvStore on an unknown adapter', () => {
      let keyv: KeyvRedis<string>;
      let store: MailboxStore;
      beforeAll(() => {
        keyv = new KeyvRedis<string>(server.url);
        const foreign: KeyvStoreAdapter = {
          opts: {},
          get: (key: string) => keyv.get(key),
          set: (key: string, value: string, ttl?: number) => keyv.set(key, value, ttl),
          delete: (key: string) => keyv.delete(key),
          clear: () => keyv.clear(),
          on: () => foreign,
        } as unknown as KeyvStoreAdapter;
        const wrapped = new Keyv({ store: foreign });
        expect(() => testRelay({ store: wrapped, keys })).toThrow(/atomicity: 'single-process'/);
        expect(() => keyvStore(wrapped, {} as never)).toThrow(TypeError);
        store = keyvStore(wrapped, { atomicity: 'single-process' });
      });
      afterAll(() => keyv.disconnect(true));

      storeSuite(it, { open: async () => store, expiryToleranceMs: 2 });

      it('keyvStore serves one process, and the relay reports it', async () => {
        const events: RelayEvent[] = [];
        const relay = closed(testRelay({ store, keys, onEvent: (event) => events.push(event) }));
        await handOver(relay, relay);
        expect(events).toContainEqual(expect.objectContaining({ warning: 'store_single_process' }));
      });
    });
  });
});

await describeOnPostgres('the option store with Postgres', (server) => {
  it('a KeyvPostgres, a Keyv on it, and a URL lead to the same mailboxes', async () => {
    const keyv = new KeyvPostgres({ uri: server.url, idleTimeoutMillis: 1 });
    const byUrl = closed(storeFromUrl(server.url));
    const relays = [keyv, new Keyv({ store: keyv }), byUrl].map((store) => closed(testRelay({ store, keys })));
    const [adapter, wrapped, url] = relays as [Relay, Relay, Relay];
    await handOver(adapter, url);
    await handOver(url, wrapped);
    await keyv.disconnect();
  });
});

describe('storeFromUrl', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'credential-relay-front-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('two relays with one sqlite: URL serve the same mailboxes', async () => {
    const url = `sqlite:${join(folder, 'relay.db')}`;
    const relays = [url, url].map((each) => closed(testRelay({ store: closed(storeFromUrl(each)), keys })));
    const [one, two] = relays as [Relay, Relay];
    await handOver(one, two);
  });

  it('a relay with the URL memory: serves', async () => {
    const relay = closed(testRelay({ store: storeFromUrl('memory:') }));
    await handOver(relay, relay);
  });

  it.each(['mysql://user:hunter2@host/db', 'relay.db', 'REDIS'])(
    'storeFromUrl rejects %j without repeating the password',
    (url) => {
      expect(() => storeFromUrl(url)).toThrow(/^store: the URL must begin with one of memory: sqlite: redis:/);
      expect(() => storeFromUrl(url)).not.toThrow(/hunter2/);
    },
  );

  it('createRelay rejects a store outside of the process without keys', () => {
    expect(() => testRelay({ store: storeFromUrl('redis://127.0.0.1:1') })).toThrow(/^keys: /);
  });
});
