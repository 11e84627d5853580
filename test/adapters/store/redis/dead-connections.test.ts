import { randomBytes } from 'node:crypto';
import KeyvRedis, { createClient } from '@keyv/redis';
import KeyvValkey from '@keyv/valkey';
import type { MailboxStore } from 'credential-relay';
import { Cluster, Redis as Iovalkey } from 'iovalkey';
import { describe, expect, it } from 'vitest';
import { redisStore } from '../../../../adapters/store/redis/index.js';
import { type BlackHoleProxy, startBlackHoleProxy } from '../../../support/network/black-hole.js';
import { closeAfterEach } from '../../../support/redis/relay.js';
import { type RedisServer, startRedis, until, withRedis } from '../../../support/redis/server.js';
import { startRedisCluster, startSentinel } from '../../../support/redis/topologies.js';
import { device, testRelay } from '../../../support/relay/relay.js';
import { expectNotifications, subscribeAndWait } from '../../../support/store/changes.js';

/* A fail-over that ends no connection: the old ones carry nothing any more, and new ones work. */

const { closed, later } = closeAfterEach();

/** The deadline of a call, and a margin for a busy machine, in ms. */
const STREAK_MS = 2000 + 700;

/** Creates mailboxes, ten at a time, until ten in a row succeed. Returns the time of the last 503 since the start. */
async function measureStreak(relay: ReturnType<typeof testRelay>): Promise<number> {
  const started = performance.now();
  let last = 0;
  let good = 0;
  await until(
    async () => {
      const answers = await Promise.all(Array.from({ length: 10 }, () => device(relay).create()));
      const isGood = answers.every(({ status }) => status === 200);
      if (!isGood) last = performance.now() - started;
      good = isGood ? good + 1 : 0;
      return good === 2;
    },
    'the store to recover',
    15_000,
  );
  return last;
}

function serve(store: MailboxStore): ReturnType<typeof testRelay> {
  return closed(testRelay({ store: closed(store), keys: [randomBytes(32)] }));
}

function report(name: string, ms: number): void {
  if (process.env.PRINT_STREAKS !== undefined) process.stderr.write(`| ${name} | ${Math.round(ms)} ms |\n`);
}

withRedis(it, () => {
  describe('connections to Redis that are dead without a word', () => {
    const start = async (): Promise<{ server: RedisServer; proxy: BlackHoleProxy; url: string }> => {
      const server = closed(await startRedis());
      const proxy = closed(await startBlackHoleProxy(server.port));
      return { server, proxy, url: `redis://127.0.0.1:${proxy.port}` };
    };

    const sources: Readonly<Record<string, (url: string) => MailboxStore>> = {
      'a URL': (url) => redisStore(url),
      'a KeyvRedis': (url) => redisStore(new KeyvRedis(url)),
      'a node-redis client of the host': (url) => redisStore(createClient({ url }).on('error', () => {})),
      'a KeyvValkey': (url) => {
        const keyv = new KeyvValkey(url, { lazyConnect: true });
        return redisStore(keyv);
      },
      'an iovalkey client of the host': (url) => redisStore(new Iovalkey(url, { lazyConnect: true })),
    };
    it.each(Object.keys(sources))('the Redis store heals within one deadline, by %s', async (name) => {
      const { proxy, url } = await start();
      const relay = serve((sources[name] as (url: string) => MailboxStore)(url));
      expect((await device(relay).create()).status).toBe(200);
      proxy.blackHole();
      const ms = await measureStreak(relay);
      report(name, ms);
      expect(ms).toBeLessThan(STREAK_MS);
    });

    it('the Redis store heals within one deadline, by a cluster URL and a cluster client of iovalkey', async () => {
      const cluster = closed(await startRedisCluster());
      const proxies = await Promise.all(
        cluster.nodes.map(async (node) => {
          const proxy = closed(await startBlackHoleProxy(node.port));
          await node.command('CONFIG', 'SET', 'cluster-announce-port', String(proxy.port));
          return proxy;
        }),
      );
      for (const node of cluster.nodes) {
        await until(async () => {
          const nodes = String(await node.command('CLUSTER', 'NODES'));
          return proxies.every(({ port }) => nodes.includes(`:${port}@`));
        }, 'the nodes to announce the proxies');
      }
      const roots = proxies.map(({ port }) => ({ host: '127.0.0.1', port }));
      const url = `redis+cluster://${roots.map(({ host, port }) => `${host}:${port}`).join(',')}`;
      const client = new Cluster(roots, { lazyConnect: true });
      for (const [name, source] of [
        ['a cluster URL', url],
        ['a cluster client of iovalkey', client],
      ] as const) {
        const relay = serve(redisStore(source));
        await Promise.all(Array.from({ length: 20 }, () => device(relay).create()));
        for (const proxy of proxies) proxy.blackHole();
        const ms = await measureStreak(relay);
        report(name, ms);
        expect(ms, name).toBeLessThan(STREAK_MS + 1000);
      }
    }, 60_000);

    it('the Redis store heals within one deadline after the sentinel names a new master, by a URL, while the old master hangs', async () => {
      const servers = closed(await startSentinel());
      const relay = serve(redisStore(servers.url));
      expect((await device(relay).create()).status).toBe(200);
      servers.primary.freeze();
      later(servers.primary.thaw);
      await until(
        async () => {
          const address = await servers.sentinel.command('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', servers.name);
          return String(address) === `127.0.0.1,${servers.replica.port}`;
        },
        'the sentinel to name the new master',
        15_000,
      );
      const ms = await measureStreak(relay);
      report('a sentinel URL', ms);
      expect(ms).toBeLessThan(STREAK_MS);
    }, 40_000);

    it('a subscription that is dead without a word is replaced, and receives again', async () => {
      const { server, proxy, url } = await start();
      const listener = await subscribeAndWait(closed(redisStore(url)));
      const started = performance.now();
      proxy.blackHole();
      await until(() => listener.resyncCount() === 2, 'the subscription to be replaced', 9000);
      report('a subscription', performance.now() - started);
      await expectNotifications(closed(redisStore(server.url)), listener);
    });
  });
});
