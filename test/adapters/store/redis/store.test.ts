import KeyvRedis from '@keyv/redis';
import { storeSuite } from 'credential-relay/testing';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { redisStore } from '../../../../adapters/store/redis/index.js';
import { cutAll, startTcpProxy, type TcpProxy } from '../../../support/network/tcp-proxy.js';
import { type RedisServer, startRedis, withRedis } from '../../../support/redis/server.js';

/** Redis judges `now > deadline`, so an entry lives to the end of the millisecond of its deadline. */
const expiryToleranceMs = 1;

withRedis(it, () => {
  describe('storeSuite, Redis, a KeyvRedis', () => {
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
      open: async () => redisStore(new KeyvRedis(`redis://127.0.0.1:${proxy.port}`)),
      breakBackend: () => cutAll([proxy]),
      expiryToleranceMs,
    });
  });
});

// A server of the caller, possibly without an installed Redis.
const given = process.env.TEST_REDIS_URL;
if (given !== undefined) {
  describe('storeSuite, Redis, TEST_REDIS_URL', () => {
    let proxy: TcpProxy;
    beforeAll(async () => {
      const { hostname, port } = new URL(given);
      proxy = await startTcpProxy({ host: hostname, port: Number(port || 6379) });
    });
    afterAll(() => proxy?.close());
    storeSuite(it, {
      async open() {
        const url = new URL(given);
        url.hostname = '127.0.0.1';
        url.port = String(proxy.port);
        return redisStore(url.href);
      },
      breakBackend: () => cutAll([proxy]),
      expiryToleranceMs,
    });
  });
}
