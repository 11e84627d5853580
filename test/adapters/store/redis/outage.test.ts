import { describe, expect, it } from 'vitest';
import { redisStore } from '../../../../adapters/store/redis/index.js';
import { startTcpProxy } from '../../../support/network/tcp-proxy.js';
import {
  closeAfterEach,
  expectUnavailable,
  relayOn,
  startLoad,
  waitForRecovery,
} from '../../../support/redis/relay.js';
import { freePort, startRedis, until, withRedis } from '../../../support/redis/server.js';
import { device, sharedMailbox, somePayload } from '../../../support/relay/relay.js';

/** Longest time, in ms, until the store works again after the backend has recovered. */
const RECOVERY_MS = 2000;
/** The relay's deadline for a store call, plus a margin for a busy machine, in ms. */
const DEADLINE_MS = 2000 + 500;

const { closed, later } = closeAfterEach();

async function setUp(...args: string[]) {
  const server = closed(await startRedis({ args }));
  const store = closed(redisStore(server.url));
  return { server, store, ...relayOn(store) };
}

withRedis(it, () => {
  describe('outages of Redis', () => {
    it('the relay answers 503, also to reads, while its master is a replica', async () => {
      const { server, relay, causes } = await setUp();
      const { sender, url } = await sharedMailbox(relay);
      await server.command('REPLICAOF', '127.0.0.1', String(await freePort()));
      expectUnavailable(await sender.update(url));
      expectUnavailable(await device(relay).create());
      expectUnavailable(await sender.read(url)); // A replica may return stale data.
      expect(new Set(causes)).toEqual(new Set(['READONLY']));
      await server.command('REPLICAOF', 'NO', 'ONE');
      const { answer, ms } = await waitForRecovery(() => sender.read(url));
      expect(answer.status).toBe(200);
      expect(ms).toBeLessThan(RECOVERY_MS);
    });

    it('the Redis store rejects a replica at the first connection', async () => {
      const { server, relay, causes } = await setUp('--replicaof', '127.0.0.1', String(await freePort()));
      expectUnavailable(await device(relay).create());
      expect(causes).toEqual(['READONLY']);
      expect(
        String(await server.command('CLIENT', 'LIST'))
          .trim()
          .split('\n'),
      ).toHaveLength(1 + 1); // The replica's own connection to its master.
    });

    it('the relay answers 503, with the code of Redis as the cause, for a missing or wrong password', async () => {
      const server = closed(await startRedis());
      await server.command('CONFIG', 'SET', 'requirepass', 'the-right-one');
      for (const [user, code] of [
        ['', 'NOAUTH'],
        [':the-wrong-one@', 'WRONGPASS'],
      ] as const) {
        const { relay, causes } = relayOn(closed(redisStore(server.url.replace('//', `//${user}`))));
        expectUnavailable(await device(relay).create());
        expect(causes).toEqual([code]);
      }
      const right = relayOn(closed(redisStore(server.url.replace('//', '//:the-right-one@'))));
      expect((await device(right.relay).create()).status).toBe(200);
    });

    it('the relay answers 503 within the deadline while Redis hangs, then 503 at once, and recovers with Redis', async () => {
      const { server, relay } = await setUp();
      const { sender, url } = await sharedMailbox(relay);
      server.freeze();
      later(server.thaw);
      let took = Number.POSITIVE_INFINITY;
      for (const call of [() => sender.update(url), () => sender.read(url), () => device(relay).create()]) {
        const started = performance.now();
        expectUnavailable(await call());
        took = performance.now() - started;
        expect(took).toBeLessThan(DEADLINE_MS);
      }
      expect(took).toBeLessThan(500);
      server.thaw();
      const { answer, ms } = await waitForRecovery(() => sender.read(url));
      expect(answer.status).toBe(200);
      expect(ms).toBeLessThan(RECOVERY_MS);
    });

    it('the Redis store replaces a connection that loses replies: 503, and the retry finds the completed write', async () => {
      const server = closed(await startRedis());
      const proxy = closed(await startTcpProxy(server));
      const { relay } = relayOn(closed(redisStore(`redis://127.0.0.1:${proxy.port}`)));
      const { sender, url } = await sharedMailbox(relay);
      const { json: before } = await sender.read(url);
      const accepted = proxy.accepted;
      // The proxy drops the reply to the read of this update. A later reply must not count as the reply to that read.
      proxy.dropAnswers();
      const payload = somePayload();
      const requestId = crypto.randomUUID();
      expectUnavailable(await sender.update(url, payload, { requestId }));
      proxy.mend();
      const { answer } = await waitForRecovery(() => sender.read(url));
      expect(answer.json.payload).toEqual(before.payload);
      expect(proxy.accepted).toBeGreaterThan(accepted);
      expect((await sender.update(url, payload, { requestId })).status).toBe(200);
      expect((await sender.read(url)).json.payload).toEqual(payload);
    });

    it('the relay serves over a slow network without 503', async () => {
      const server = closed(await startRedis());
      const proxy = closed(await startTcpProxy(server));
      const { relay } = relayOn(closed(redisStore(`redis://127.0.0.1:${proxy.port}`)));
      proxy.delay(100);
      const { sender, url } = await sharedMailbox(relay);
      expect((await sender.update(url)).status).toBe(200);
    });

    it('the relay starts while Redis is down, answers 503 at once, and recovers with Redis', async () => {
      const port = await freePort();
      const { relay, causes } = relayOn(closed(redisStore(`redis://127.0.0.1:${port}`)));
      for (let count = 0; count < 20; count += 1) {
        const started = performance.now();
        expectUnavailable(await device(relay).create());
        expect(performance.now() - started).toBeLessThan(500);
      }
      expect(new Set(causes)).toEqual(new Set(['ECONNREFUSED']));
      closed(await startRedis({ port }));
      const { answer, ms } = await waitForRecovery(() => device(relay).create());
      expect(answer.status).toBe(200);
      expect(ms).toBeLessThan(RECOVERY_MS);
    });

    it('the relay answers correctly or with 503 while Redis is killed and restarted three times under load', async () => {
      const { server, relay } = await setUp('--appendonly', 'yes', '--appendfsync', 'always');
      const load = await startLoad(relay);
      const recoveries: number[] = [];
      const probe = await sharedMailbox(relay);
      for (let count = 0; count < 3; count += 1) {
        const enough = load.answered() + 100;
        await until(() => load.answered() > enough, 'some load');
        await server.stop('SIGKILL');
        await until(async () => (await probe.sender.read(probe.url)).status === 503, 'the outage to show');
        await server.start();
        recoveries.push((await waitForRecovery(() => probe.sender.read(probe.url))).ms);
      }
      const report = await load.stop();
      expect(report.wrong).toEqual([]);
      expect(report.unavailable).toBeGreaterThan(0);
      expect(Math.max(...recoveries)).toBeLessThan(RECOVERY_MS);
    });

    it('the relay answers correctly or with 503 while Redis is stopped and continued under load', async () => {
      const { server, relay } = await setUp();
      const load = await startLoad(relay);
      const probe = await sharedMailbox(relay);
      await until(() => load.answered() > 100, 'some load');
      server.freeze();
      later(server.thaw);
      await until(async () => (await probe.sender.read(probe.url)).status === 503, 'the outage to show');
      server.thaw();
      const { ms } = await waitForRecovery(() => probe.sender.read(probe.url));
      const report = await load.stop();
      expect(report.wrong).toEqual([]);
      expect(report.unavailable).toBeGreaterThan(0);
      expect(ms).toBeLessThan(RECOVERY_MS);
    });

    it('ping rejects in an outage of Redis, and otherwise reports the clock skew and the eviction policy', async () => {
      const { server, store } = await setUp('--maxmemory-policy', 'allkeys-lru');
      const { clockSkewMs, evictionPolicy } = await store.ping();
      expect(Math.abs(clockSkewMs)).toBeLessThan(1000);
      expect(evictionPolicy).toBe('allkeys-lru');
      await server.command('ACL', 'SETUSER', 'relay', 'on', 'nopass', '~*', '+@all', '-config', '-role');
      const limited = closed(redisStore(server.url.replace('//', '//relay:any@')));
      expect(await limited.ping()).toEqual({ clockSkewMs: expect.any(Number) });
      await server.stop();
      await expect(store.ping()).rejects.toMatchObject({ name: 'RedisStoreError' });
    });
  });
});
