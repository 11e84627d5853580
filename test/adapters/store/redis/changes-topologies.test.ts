import KeyvRedis, { createCluster, createSentinel } from '@keyv/redis';
import type { MailboxStore } from 'credential-relay';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHANNEL } from '../../../../adapters/store/redis/changes.js';
import { redisStore } from '../../../../adapters/store/redis/index.js';
import { closeAfterEach } from '../../../support/redis/relay.js';
import { type RedisServer, until, withRedis } from '../../../support/redis/server.js';
import { type RedisClusterServers, startRedisCluster, startSentinel } from '../../../support/redis/topologies.js';
import {
  createAndReplace,
  eventually,
  expectNotifications,
  subscribeAndWait,
  type TestSubscription,
} from '../../../support/store/changes.js';

const { closed, later } = closeAfterEach();

/** Subscribed connections of a server. Sentinels subscribe as well, to another channel. */
async function listens(server: RedisServer): Promise<number> {
  const [, count] = (await server.command('PUBSUB', 'NUMSUB', CHANNEL)) as [string, number];
  return count;
}

const lines = (text: unknown): number => String(text).trim().split('\n').length;

withRedis(it, () => {
  describe('change notifications in a Redis Cluster', () => {
    let cluster: RedisClusterServers;
    beforeAll(async () => {
      cluster = await startRedisCluster();
    }, 20_000);
    afterAll(() => cluster?.close());

    const client = () => createCluster({ rootNodes: cluster.nodes.map(({ url }) => ({ url })) });
    const url = () => `redis+cluster://${cluster.nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}`;

    it('a notification from any node reaches subscribers at all nodes, by a URL and by a cluster client', async () => {
      const host = client();
      const listeners = await Promise.all(
        [url(), url(), url(), host].map((source) => subscribeAndWait(closed(redisStore(source)))),
      );
      const teller = closed(redisStore(url()));
      const keys = Array.from({ length: 60 }, (_, index) => `relay:${index}`);
      await Promise.all(keys.map((key) => createAndReplace(teller, key)));
      const sizes = await Promise.all(cluster.nodes.map((node) => node.command('DBSIZE')));
      expect(Math.min(...sizes.map(Number))).toBeGreaterThan(0);
      for (const { keys: words } of listeners) {
        await eventually(() => [...words].sort()).toEqual([...keys].sort());
      }
      const counts = await Promise.all(cluster.nodes.map(listens));
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(4);
      expect(host.isOpen).toBe(false);
    });

    it('the Redis store subscribes at another node after the node of its subscription dies', async () => {
      const hearer = closed(redisStore(url()));
      const listener = await subscribeAndWait(hearer);
      const counts = await Promise.all(cluster.nodes.map(listens));
      expect(counts.filter((count) => count === 1)).toHaveLength(1);
      // The connections of the discovery are closed: only the connection of this query remains.
      for (const node of cluster.nodes) {
        await eventually(async () => lines(await node.command('CLIENT', 'LIST', 'TYPE', 'normal'))).toBe(1);
      }
      const dying = cluster.nodes[counts.indexOf(1)] as RedisServer;
      await dying.stop('SIGKILL');
      later(async () => {
        await dying.start();
        await cluster.formed();
      });
      await eventually(() => listener.resyncCount(), 8000).toBe(2);
      await expectNotifications(closed(redisStore(client())), listener, 8000);
    }, 30_000);
  });

  describe('change notifications in Redis Sentinel', () => {
    it('the Redis store subscribes at the new master after a fail-over, by a URL, a KeyvRedis and a sentinel client', async () => {
      const servers = closed(await startSentinel());
      const options = {
        name: servers.name,
        sentinelRootNodes: [{ host: '127.0.0.1', port: servers.sentinel.port }],
      };
      const keyv = new KeyvRedis(options);
      later(() => keyv.disconnect(true));
      const client = createSentinel(options);
      client.on('error', () => {});
      later(() => client.destroy());
      const stores: MailboxStore[] = [servers.url, keyv, client].map((source) => closed(redisStore(source)));
      const listeners: TestSubscription[] = await Promise.all(stores.map(subscribeAndWait));
      const teller = closed(redisStore(servers.url));
      await createAndReplace(teller, 'relay:before');
      for (const { keys: words } of listeners) await eventually(() => words).toEqual(['relay:before']);
      expect(await listens(servers.primary)).toBe(3);

      await servers.primary.stop('SIGKILL');
      await until(
        async () => String(await servers.replica.command('ROLE').catch(() => '')).startsWith('master'),
        'the sentinel to promote the replica',
        15_000,
      );
      for (const listener of listeners) {
        await eventually(() => listener.resyncCount(), 8000).toBe(2);
        await expectNotifications(teller, listener);
      }
      expect(await listens(servers.replica)).toBe(3);
      await Promise.all(stores.map((store) => store.close()));
      await eventually(() => listens(servers.replica)).toBe(0);
      expect([keyv.client.isOpen, client.isOpen]).toEqual([true, true]);
    }, 30_000);
  });
});
