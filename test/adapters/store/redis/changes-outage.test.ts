import { describe, expect, it } from 'vitest';
import { redisStore } from '../../../../adapters/store/redis/index.js';
import { startTcpProxy } from '../../../support/network/tcp-proxy.js';
import { closeAfterEach } from '../../../support/redis/relay.js';
import { freePort, startRedis, withRedis } from '../../../support/redis/server.js';
import {
  createAndReplace,
  eventually,
  expectNotifications,
  subscribe,
  subscribeAndWait,
  type TestSubscription,
} from '../../../support/store/changes.js';

/** The check interval of 3 s, its time-out of 2 s, and a margin for a busy machine. */
const SILENCE_MS = 9000;

/** Shorter than the check interval. */
const AT_ONCE_MS = 2000;

const { closed, later } = closeAfterEach();

withRedis(it, () => {
  describe('outages of a subscription to Redis', () => {
    const start = async (...args: string[]) => {
      const server = closed(await startRedis({ args }));
      const proxy = closed(await startTcpProxy(server));
      const teller = closed(redisStore(server.url));
      const hearer = closed(redisStore(`redis://127.0.0.1:${proxy.port}`));
      return { server, proxy, teller, hearer };
    };

    it('the Redis store subscribes again after its subscription is cut, and resyncs its listeners', async () => {
      const { server, teller, hearer } = await start();
      const listener = await subscribeAndWait(hearer);
      for (const round of [2, 3, 4]) {
        expect(await server.command('CLIENT', 'KILL', 'TYPE', 'pubsub')).toBe(1);
        await eventually(() => listener.resyncCount(), AT_ONCE_MS).toBe(round);
        await createAndReplace(teller, `relay:${round}`);
        await eventually(() => listener.keys.at(-1)).toBe(`relay:${round}`);
      }
      expect(listener.keys).toEqual(['relay:2', 'relay:3', 'relay:4']);
    });

    it('the Redis store subscribes again after a restart of Redis', async () => {
      const { server, teller, hearer } = await start();
      const listener = await subscribeAndWait(hearer);
      await server.stop('SIGKILL');
      await server.start();
      await eventually(() => listener.resyncCount()).toBe(2);
      await expectNotifications(teller, listener);
    });

    it('a subscription from before the start of Redis receives notifications after it', async () => {
      const port = await freePort();
      const store = closed(redisStore(`redis://127.0.0.1:${port}`));
      const listener = subscribe(store);
      await expect(store.get('relay:k')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
      const server = closed(await startRedis({ port }));
      await eventually(() => listener.resyncCount()).toBe(1);
      await expectNotifications(closed(redisStore(server.url)), listener);
    });

    it('the Redis store detects a silent server or network, and subscribes again', async () => {
      const [halted, cut] = await Promise.all([start(), start()]);
      const listeners = await Promise.all([subscribeAndWait(halted.hearer), subscribeAndWait(cut.hearer)]);
      halted.server.freeze();
      later(halted.server.thaw);
      cut.proxy.pause();
      const sought = () => [halted.proxy.accepted > 1, cut.proxy.accepted > 1];
      await eventually(sought, SILENCE_MS).toEqual([true, true]);
      expect(listeners.map((listener) => listener.resyncCount())).toEqual([1, 1]);
      halted.server.thaw();
      cut.proxy.resume();
      await eventually(() => listeners.map((listener) => listener.resyncCount())).toEqual([2, 2]);
      for (const [index, { teller }] of [halted, cut].entries()) {
        await expectNotifications(teller, listeners[index] as TestSubscription);
      }
    }, 30_000);

    it('close during an outage ends at once without listeners, and within its time-out with a silent server', async () => {
      const { server, proxy, hearer } = await start();
      const away = redisStore(`redis://127.0.0.1:${await freePort()}`);
      subscribe(away);
      await expect(away.get('relay:k')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
      const started = performance.now();
      await away.close();
      expect(performance.now() - started).toBeLessThan(500);

      server.freeze();
      later(server.thaw);
      const listener = subscribe(hearer);
      await eventually(() => proxy.accepted).toBe(1);
      await hearer.close();
      expect(performance.now() - started).toBeLessThan(3500);
      server.thaw();
      const info = async (): Promise<string> => String(await server.command('CLIENT', 'LIST', 'TYPE', 'pubsub'));
      await eventually(info).toBe('');
      expect(listener.resyncCount()).toBe(0);
    });
  });
});
