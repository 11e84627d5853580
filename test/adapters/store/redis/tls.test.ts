import { storeSuite } from 'credential-relay/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { redisStore } from '../../../../adapters/store/redis/index.js';
import { cutAll, startTcpProxy, type TcpProxy } from '../../../support/network/tcp-proxy.js';
import { LOCALHOST } from '../../../support/network/tls.js';
import { type RedisServer, startRedis, withRedis } from '../../../support/redis/server.js';

/** Redis judges `now > deadline`, so an entry lives to the end of the millisecond of its deadline. */
const expiryToleranceMs = 1;

withRedis(it, () => {
  describe('storeSuite, Redis, a URL with TLS', () => {
    let server: RedisServer;
    let proxy: TcpProxy;
    beforeAll(async () => {
      server = await startRedis({ tls: true });
      proxy = await startTcpProxy(server);
    });
    afterAll(async () => {
      await proxy?.close();
      await server?.close();
    });
    storeSuite(it, {
      open: async () => redisStore(`rediss://localhost:${proxy.port}`, { tls: { ca: LOCALHOST.cert } }),
      breakBackend: () => cutAll([proxy]),
      expiryToleranceMs,
    });

    it('the Redis store rejects a server with an untrusted certificate', async () => {
      const store = redisStore(`rediss://localhost:${server.port}`);
      await expect(store.get('k')).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
      await store.close();
    });
  });
});
