import { createCluster } from '@keyv/redis';
import { storeSuite } from 'credential-relay/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { redisStore } from '../../../../adapters/store/redis/index.js';
import { cutAll, startTcpProxy, type TcpProxy } from '../../../support/network/tcp-proxy.js';
import { withRedis } from '../../../support/redis/server.js';
import { type RedisClusterServers, startRedisCluster } from '../../../support/redis/topologies.js';

/** Redis judges `now > deadline`, so an entry lives to the end of the millisecond of its deadline. */
const expiryToleranceMs = 1;

withRedis(it, () => {
  describe('storeSuite, Redis, a cluster of three masters', () => {
    let cluster: RedisClusterServers;
    let proxies: TcpProxy[];
    beforeAll(async () => {
      cluster = await startRedisCluster();
      proxies = await Promise.all(cluster.nodes.map(startTcpProxy));
    }, 20_000);
    afterAll(async () => {
      await Promise.all(proxies?.map((proxy) => proxy.close()) ?? []);
      await cluster?.close();
    });
    const clusterClient = () =>
      createCluster({
        rootNodes: proxies.map(({ port }) => ({ socket: { host: '127.0.0.1', port } })),
        nodeAddressMap: (address) => {
          const index = cluster.nodes.findIndex((node) => address === `127.0.0.1:${node.port}`);
          return { host: '127.0.0.1', port: proxies[index]?.port ?? 0 };
        },
      });
    storeSuite(it, {
      open: async () => redisStore(clusterClient()),
      breakBackend: () => cutAll(proxies),
      expiryToleranceMs,
    });

    it('the Redis store spreads its keys over the three masters', async () => {
      const store = redisStore(clusterClient());
      const expiresAt = Date.now() + 60_000;
      await Promise.all(
        Array.from({ length: 100 }, (_, index) => store.create(`spread:${index}`, 'a'.repeat(16), expiresAt)),
      );
      await store.close();
      for (const node of cluster.nodes) expect(Number(await node.command('DBSIZE'))).toBeGreaterThan(15);
    });
  });
});
