import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import KeyvRedis, { createCluster } from '@keyv/redis';
import { describe, expect, it } from 'vitest';
import { redisStore } from '../../../../adapters/store/redis/index.js';
import {
  closeAfterEach,
  expectUnavailable,
  relayOn,
  startLoad,
  waitForRecovery,
} from '../../../support/redis/relay.js';
import { startRedis, until, withRedis } from '../../../support/redis/server.js';
import { startRedisCluster, startSentinel } from '../../../support/redis/topologies.js';
import { device, sharedMailbox } from '../../../support/relay/relay.js';
import { subscribeAndWait } from '../../../support/store/changes.js';

const { closed, later } = closeAfterEach();

withRedis(it, () => {
  it('the Redis store serves through a Unix socket, with notifications, and names a missing socket', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'relay-redis-socket-'));
    later(() => rmSync(folder, { recursive: true }));
    const socket = join(folder, 'redis.sock');
    const server = closed(await startRedis({ args: ['--unixsocket', socket] }));
    await server.command('CONFIG', 'SET', 'requirepass', 'p+/=');
    for (const url of [`unix:${socket}?db=1&password=p+/=`, `redis+unix://:p+%2F=@${socket}?db=1`]) {
      const store = closed(redisStore(url));
      const { relay } = relayOn(store);
      const { sender, url: mailbox } = await sharedMailbox(relay);
      expect((await sender.read(mailbox)).status).toBe(200);
      await subscribeAndWait(store);
      await relay.ping();
    }
    const missing = closed(redisStore('unix:/nowhere/redis.sock'));
    await expect(missing.ping()).rejects.toMatchObject({
      code: 'ENOENT',
      message: expect.stringMatching(/^There is no Unix socket of Redis at this path; /),
    });
  });

  describe('Redis Sentinel', () => {
    it('the Redis store finds the new master after the old master dies, with the replicated entries', async () => {
      const servers = closed(await startSentinel());
      const { relay } = relayOn(closed(redisStore(servers.url)));
      const { sender, url } = await sharedMailbox(relay);
      expect((await sender.read(url)).status).toBe(200);
      await until(
        async () => Number(await servers.replica.command('DBSIZE')) === 1,
        'the replica to have the mailbox',
        5000,
      );
      await servers.primary.stop('SIGKILL');
      expectUnavailable(await sender.read(url));
      await until(
        async () => String(await servers.replica.command('ROLE').catch(() => '')).startsWith('master'),
        'the sentinel to promote the replica',
        15_000,
      );
      const { answer, ms } = await waitForRecovery(() => sender.update(url));
      expect(answer.status).toBe(200);
      expect(ms).toBeLessThan(2000);
    });

    it('the Redis store serves through a KeyvRedis with sentinel options, and leaves its client open', async () => {
      const servers = closed(await startSentinel());
      const keyv = new KeyvRedis({
        name: servers.name,
        sentinelRootNodes: [{ host: '127.0.0.1', port: servers.sentinel.port }],
      });
      later(() => keyv.disconnect(true));
      const store = redisStore(keyv);
      const { relay } = relayOn(store);
      const { sender, url } = await sharedMailbox(relay);
      expect((await device(relay).read(url)).status).toBe(200);
      expect((await sender.delete(url)).status).toBe(200);
      await store.close();
      expect(keyv.client.isOpen).toBe(true);
    });
  });

  describe('Redis Cluster', () => {
    it('the relay answers correctly or with 503 while one master of a cluster is down, and correctly afterwards', async () => {
      const cluster = closed(await startRedisCluster('--appendonly', 'yes', '--appendfsync', 'always'));
      const [dying] = cluster.nodes;
      const client = createCluster({ rootNodes: cluster.nodes.map(({ url }) => ({ url })), useReplicas: true });
      const { relay } = relayOn(closed(redisStore(client)));
      const load = await startLoad(relay, 12);
      await until(() => load.answered() > 100, 'some load');
      await dying?.stop('SIGKILL');
      const some = load.answered();
      await until(() => load.answered() > some + 50, 'the other masters to serve on');
      await dying?.start();
      await cluster.formed();
      const probes = await Promise.all(Array.from({ length: 12 }, () => waitForRecovery(() => device(relay).create())));
      expect(Math.max(...probes.map(({ ms }) => ms))).toBeLessThan(2000);
      const report = await load.stop();
      expect(report.wrong).toEqual([]);
      expect(report.unavailable).toBeGreaterThan(0);
      expect(client.isOpen).toBe(false);
    }, 30_000);
  });
});
