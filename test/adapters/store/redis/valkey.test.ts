import { randomBytes } from 'node:crypto';
import KeyvValkey from '@keyv/valkey';
import { storeSuite } from 'credential-relay/testing';
import { Redis as Ioredis } from 'ioredis';
import { Cluster, Redis as Iovalkey } from 'iovalkey';
import { Keyv } from 'keyv';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { redisStore } from '../../../../adapters/store/redis/index.js';
import { cutAll, startTcpProxy, type TcpProxy } from '../../../support/network/tcp-proxy.js';
import { closeAfterEach, relayOn, waitForRecovery } from '../../../support/redis/relay.js';
import { type RedisServer, startRedis, until, withRedis } from '../../../support/redis/server.js';
import { type RedisClusterServers, startRedisCluster, startSentinel } from '../../../support/redis/topologies.js';
import { device, sharedMailbox, testRelay } from '../../../support/relay/relay.js';
import { createAndReplace, eventually, expectNotifications, subscribeAndWait } from '../../../support/store/changes.js';

const { closed, later } = closeAfterEach();
const keys = [randomBytes(32)];

/** A KeyvValkey that is not connected, and emits no unheard error. */
function keyvValkey(url: string): KeyvValkey {
  const keyv = new KeyvValkey(url, { lazyConnect: true });
  keyv.on('error', () => {});
  return keyv;
}

withRedis(it, () => {
  describe('storeSuite, Redis, a KeyvValkey', () => {
    let server: RedisServer;
    let proxy: TcpProxy;
    beforeAll(async () => {
      server = await startRedis();
      proxy = await startTcpProxy(server);
    });
    afterAll(async () => {
      await proxy?.close();
      await server?.close();
    });
    storeSuite(it, {
      open: async () => redisStore(keyvValkey(`redis://127.0.0.1:${proxy.port}`)),
      breakBackend: () => cutAll([proxy]),
      expiryToleranceMs: 1,
    });
  });

  describe('a client of iovalkey or ioredis', () => {
    let server: RedisServer;
    beforeAll(async () => {
      server = await startRedis();
    });
    afterAll(() => server?.close());
    afterEach(() => server.command('FLUSHALL'));

    it('a KeyvValkey, a Keyv on it, an iovalkey and an ioredis client lead to the same mailboxes, atomically', async () => {
      const options = { lazyConnect: true };
      const keyv = keyvValkey(server.url);
      const stores = [
        keyv,
        new Keyv({ store: keyv }),
        redisStore(new Iovalkey(server.url, options)),
        redisStore(new Ioredis(server.url, options)),
        redisStore(server.url),
      ];
      const relays = stores.map((store) => {
        if ('capabilities' in store) closed(store);
        return closed(testRelay({ store, keys }));
      });
      const { url, sender } = await sharedMailbox(relays[0] as (typeof relays)[0]);
      // Twenty receivers at five relays: one is bound.
      const readers = await Promise.all(
        Array.from({ length: 20 }, (_, index) => device(relays[index % 5] as (typeof relays)[0]).read(url)),
      );
      expect(readers.filter(({ status }) => status === 200)).toHaveLength(1);
      expect((await sender.read(url)).headers.get('Mailbox-Receiver')).toBe('bound');
      expect(keyv.redis.status).toBe('wait'); // The store opened connections of its own.
    });

    it('options of the client that change keys, replies or retries do not affect the store', async () => {
      const host = new Ioredis(`${server.url}/3`, {
        lazyConnect: true,
        keyPrefix: 'host:',
        stringNumbers: true,
        enableAutoPipelining: true,
      });
      const store = closed(redisStore(host));
      const value = 'a'.repeat(16);
      expect(await store.create('relay:1', value, Date.now() + 60_000)).toBe(true);
      expect(await store.replace('relay:1', value, 'b'.repeat(16))).toBe('ok');
      expect((await store.get('relay:1'))?.revision).toBe('b'.repeat(16));
      expect(await server.command('DBSIZE')).toBe(0); // Database 3 has the key.
      expect((await store.ping()).clockSkewMs).toBeLessThan(1000);
    });

    it('an older @keyv/redis and an older node-redis are told what to update, without advice about a single process', async () => {
      // The members that tell the releases apart, as found in @keyv/redis 2.8, 3.0 and 4.6, and in redis 3 and 4.
      const ioredis = new Ioredis(server.url, { lazyConnect: true });
      class KeyvRedis {
        opts = { dialect: 'redis' };
        redis = ioredis;
        set(): void {}
      }
      const redis4 = { isOpen: false, sendCommand() {}, duplicate() {}, connect() {}, disconnect() {} };
      const keyv4 = { opts: {}, set() {}, createKeyPrefix() {}, getClient() {}, client: redis4 };
      for (const store of [new KeyvRedis(), keyv4]) {
        for (const option of [store, { opts: {}, serialize() {}, store }]) {
          const create = () => testRelay({ store: option as never, keys });
          expect(create).toThrow(/KeyvRedis is too old; it needs @keyv\/redis 5\.1\.6 or later.*or pass the URL/);
          expect(create).not.toThrow(/single-process/);
        }
      }
      for (const client of [redis4, { send_command() {}, duplicate() {} }]) {
        expect(() => redisStore(client as never)).toThrow(/older node-redis; update redis to 5, or pass the URL/);
      }
      expect(() => redisStore(undefined as never)).toThrow(/the source is undefined; .*environment variable/);
    });

    it('a wrong password is told for a KeyvValkey', async () => {
      const store = closed(redisStore(keyvValkey(server.url.replace('//', '//someone:hunter2@'))));
      await expect(store.ping()).rejects.toMatchObject({ code: 'WRONGPASS' });
      await expect(store.get('relay:k')).rejects.toThrow(/refused the user name or the password/);
    });

    it('notifications reach a KeyvValkey, also after its subscription was cut', async () => {
      const hearer = closed(redisStore(keyvValkey(server.url)));
      const teller = closed(redisStore(server.url));
      const listener = await subscribeAndWait(hearer);
      await createAndReplace(teller, 'relay:k');
      await eventually(() => listener.keys).toEqual(['relay:k']);
      expect(await server.command('CLIENT', 'KILL', 'TYPE', 'pubsub')).toBe(1);
      await eventually(() => listener.resyncCount()).toBe(2);
      await expectNotifications(teller, listener);
    });

    it('a restart of Redis is followed by a recovery', async () => {
      const own = closed(await startRedis());
      const { relay } = relayOn(closed(redisStore(keyvValkey(own.url))));
      expect((await device(relay).create()).status).toBe(200);
      await own.stop('SIGKILL');
      expect((await device(relay).create()).status).toBe(503);
      await own.start();
      const { ms } = await waitForRecovery(() => device(relay).create());
      expect(ms).toBeLessThan(2000);
    });
  });

  describe('clusters and sentinels of iovalkey', () => {
    let cluster: RedisClusterServers;
    beforeAll(async () => {
      cluster = await startRedisCluster();
    }, 20_000);
    afterAll(() => cluster?.close());

    const open = (): Cluster =>
      new Cluster(
        cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port })),
        { lazyConnect: true },
      );

    it('a cluster client, also in a KeyvValkey, serves keys of all nodes, and notifications', async () => {
      const hearer = closed(redisStore(new KeyvValkey(open())));
      const teller = closed(redisStore(open()));
      const listener = await subscribeAndWait(hearer);
      const names = Array.from({ length: 30 }, (_, index) => `relay:${index}`);
      await Promise.all(names.map((name) => createAndReplace(teller, name)));
      await eventually(() => [...listener.keys].sort()).toEqual([...names].sort());
      const sizes = await Promise.all(cluster.nodes.map((node) => node.command('DBSIZE')));
      expect(Math.min(...sizes.map(Number))).toBeGreaterThan(0);
      await teller.ping();
    });

    it('ping reaches each master of a cluster, by a URL and by a cluster client', async () => {
      const url = `redis+cluster://${cluster.nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}`;
      const stores = [closed(redisStore(url)), closed(redisStore(open()))];
      for (const store of stores) await store.ping();
      const last = cluster.nodes[2] as RedisServer;
      await last.command('CONFIG', 'SET', 'maxmemory', '1');
      for (const store of stores) await expect(store.ping()).rejects.toMatchObject({ code: 'OOM' });
      await last.command('CONFIG', 'SET', 'maxmemory', '0');
      for (const store of stores) await store.ping();
    });

    it('an iovalkey client with sentinels finds the new master', async () => {
      const servers = closed(await startSentinel());
      const client = new Iovalkey({
        name: servers.name,
        sentinels: [{ host: '127.0.0.1', port: servers.sentinel.port }],
        lazyConnect: true,
      });
      const { relay } = relayOn(closed(redisStore(client)));
      expect((await device(relay).create()).status).toBe(200);
      await servers.primary.stop('SIGKILL');
      await until(
        async () => String(await servers.replica.command('ROLE').catch(() => '')).startsWith('master'),
        'the sentinel to promote the replica',
        15_000,
      );
      const { ms } = await waitForRecovery(() => device(relay).create());
      expect(ms).toBeLessThan(3000);
      later(() => client.disconnect());
    }, 30_000);
  });
});
