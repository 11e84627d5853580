import KeyvRedis, { createClient } from '@keyv/redis';
import type { MailboxStore } from 'credential-relay';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CHANNEL } from '../../../../adapters/store/redis/changes.js';
import { type RedisStoreOptions, redisStore } from '../../../../adapters/store/redis/index.js';
import { LOCALHOST } from '../../../support/network/tls.js';
import { closeAfterEach } from '../../../support/redis/relay.js';
import { type RedisServer, startRedis, withRedis } from '../../../support/redis/server.js';
import {
  buildSubscriberProcess,
  createAndReplace,
  eventually,
  expectNotifications,
  revision,
  soon,
  subscribe,
  subscribeAndWait,
  value,
} from '../../../support/store/changes.js';

const { closed, later } = closeAfterEach();
const times = <Result>(count: number, each: (index: number) => Result): Result[] =>
  Array.from({ length: count }, (_, index) => each(index));

/** Subscribed connections. */
async function listeners(server: RedisServer): Promise<number> {
  const list = String(await server.command('CLIENT', 'LIST', 'TYPE', 'pubsub')).trim();
  return list === '' ? 0 : list.split('\n').length;
}

withRedis(it, () => {
  describe('change notifications in Redis', () => {
    let server: RedisServer;
    beforeAll(async () => {
      server = await startRedis();
    });
    afterAll(() => server?.close());
    afterEach(() => server.command('FLUSHALL'));

    const open = (options: RedisStoreOptions = {}): MailboxStore => closed(redisStore(server.url, options));

    it('a replace notifies each other store once, with the key only', async () => {
      const [one, two, three] = [open(), open(), open()];
      const heard = [await subscribeAndWait(two), await subscribeAndWait(three)];
      const messages: string[] = [];
      const raw = createClient({ url: server.url });
      later(() => raw.destroy());
      await raw.connect();
      await raw.pSubscribe('*', (message, channel) => void messages.push(`${channel} ${message}`));
      await createAndReplace(one, 'relay:k');
      expect(await one.replace('relay:k', revision('b'), value('c'), soon())).toBe('ok');
      await eventually(() => [...heard.map(({ keys: words }) => words.length), messages.length]).toEqual([2, 2, 2]);
      for (const { keys: words } of heard) expect(words).toEqual(['relay:k', 'relay:k']);
      expect(messages).toEqual(times(2, () => `${CHANNEL} relay:k`));
      expect(one.changes?.publish).toBeUndefined();
    });

    it('1,000 replaces send 1,000 notifications', async () => {
      const [one, two] = [open(), open()];
      const { keys: words } = await subscribeAndWait(two);
      await Promise.all(times(1000, (index) => createAndReplace(one, `relay:${index}`)));
      await eventually(() => words.length).toBe(1000);
      expect(new Set(words).size).toBe(1000);
    });

    it('creates, conflicts, missing entries and reads send no notification', async () => {
      const [one, two] = [open(), open()];
      const { keys: words } = await subscribeAndWait(two);
      await one.create('relay:k', value('a'), soon());
      await one.create('relay:k', value('b'), soon());
      expect(await one.replace('relay:k', revision('x'), value('b'))).toBe('conflict');
      expect(await one.replace('relay:none', revision('x'), value('b'))).toBe('missing');
      await one.get('relay:k');
      await createAndReplace(one, 'relay:last');
      await eventually(() => words).toEqual(['relay:last']);
    });

    it('a replace that Redis refused sends no notification', async () => {
      const [one, two] = [open(), open()];
      const { keys: words } = await subscribeAndWait(two);
      await one.create('relay:k', value('a'), soon());
      await server.command('CONFIG', 'SET', 'maxmemory', '1');
      const longer = one.replace('relay:k', revision('a'), `${value('b')}, and longer`);
      await expect(longer).rejects.toMatchObject({ code: 'store_full' });
      await server.command('CONFIG', 'SET', 'maxmemory', '0');
      await createAndReplace(one, 'relay:last');
      await eventually(() => words).toEqual(['relay:last']);
    });

    it('a notification reaches another process, which ends after it closes its store', async () => {
      const program = await buildSubscriberProcess();
      later(program.remove);
      const other = program.start('listen', 'redis', server.url);
      await eventually(() => other.lines()).toEqual(['missed']);
      await createAndReplace(open(), 'relay:k');
      await eventually(() => other.lines()).toEqual(['missed', 'relay:k']);
      other.close();
      expect(await other.ended).toBe(0);
      expect(other.lines().at(-1)).toBe('closed');
    });

    it('a subscription does not keep the process alive', async () => {
      const program = await buildSubscriberProcess();
      later(program.remove);
      const other = program.start('abandon', 'redis', server.url);
      await eventually(() => other.lines()).toEqual(['missed']);
      const started = performance.now();
      expect(await other.ended).toBe(0);
      expect(performance.now() - started).toBeLessThan(2000); // Before the first timer of the connection.
      expect(other.lines()).toEqual(['missed']);
      await eventually(() => listeners(server)).toBe(0);
    });

    it('the Redis store subscribes with the options of the host’s client, over a separate connection', async () => {
      await server.command('ACL', 'SETUSER', 'someone', 'on', '>secret', '~*', '&*', '+@all');
      const url = `${server.url.replace('//', '//someone:secret@')}/3`;
      const plain = createClient({ url });
      const mapped = createClient({ url, RESP: 3, commandOptions: { typeMapping: { 36: Buffer } } });
      const keyv = new KeyvRedis(url);
      const teller = open();
      for (const [index, source] of [url, keyv, plain, mapped].entries()) {
        const store = redisStore(source);
        const listener = await subscribeAndWait(store);
        await createAndReplace(teller, `relay:${index}`);
        await eventually(() => listener.keys).toEqual([`relay:${index}`]);
        await store.close();
        await eventually(() => listeners(server)).toBe(0);
      }
      expect([plain, mapped, keyv.client].map(({ isOpen }) => isOpen)).toEqual([false, false, false]);
    });

    it('all listeners share one connection, which closes after the last unsubscribe', async () => {
      const [one, two] = [open(), open()];
      const first = await subscribeAndWait(two);
      const [second, third] = [subscribe(two), subscribe(two)];
      await eventually(() => [second.resyncCount(), third.resyncCount()]).toEqual([1, 1]);
      await createAndReplace(one, 'relay:1');
      await eventually(() => [first, second, third].map(({ keys: words }) => words.length)).toEqual([1, 1, 1]);
      expect(await listeners(server)).toBe(1);
      await Promise.all([first.stop(), second.stop(), second.stop()]);
      await createAndReplace(one, 'relay:2');
      await eventually(() => third.keys).toEqual(['relay:1', 'relay:2']);
      expect([first.keys, second.keys, first.resyncCount()]).toEqual([['relay:1'], ['relay:1'], 1]);
      await third.stop();
      await eventually(() => listeners(server)).toBe(0);
      const again = await subscribeAndWait(two);
      await expectNotifications(one, again);
    });

    it('closing the Redis store ends its subscriptions, and pending calls complete', async () => {
      const [one, two] = [open(), open()];
      const listener = await subscribeAndWait(two);
      await two.create('relay:k', value('a'), soon());
      const replaced = two.replace('relay:k', revision('a'), value('b'));
      await two.close();
      expect(await replaced).toBe('ok');
      await eventually(() => listeners(server)).toBe(0);
      const before = listener.keys.length;
      await createAndReplace(one, 'relay:2');
      const late = subscribe(two);
      await subscribeAndWait(one);
      expect([late.resyncCount(), late.keys, listener.keys.length]).toEqual([0, [], before]);
      await late.stop();
      expect(await listeners(server)).toBe(1);
    });

    it('the Redis store neither publishes nor subscribes with changes: false', async () => {
      const [one, two] = [open({ changes: false }), open()];
      expect(one.changes).toBeUndefined();
      const { keys: words } = await subscribeAndWait(two);
      await createAndReplace(one, 'relay:1');
      await createAndReplace(two, 'relay:2');
      await eventually(() => words).toEqual(['relay:2']);
    });
  });

  describe('Redis without the right to pub/sub', () => {
    it('the Redis store writes as a user without the right to the channel, or to PUBLISH', async () => {
      const server = closed(await startRedis());
      const { keys: words } = await subscribeAndWait(closed(redisStore(server.url)));
      const rights = { channel: ['resetchannels', '+@all'], command: ['&*', '+@all', '-publish'] };
      for (const [name, rules] of Object.entries(rights)) {
        await server.command('ACL', 'SETUSER', name, 'on', '>x', '~*', ...rules);
        const store = closed(redisStore(server.url.replace('//', `//${name}:x@`)));
        await createAndReplace(store, `relay:${name}`);
        expect((await store.get(`relay:${name}`))?.revision).toBe(revision('b'));
      }
      await createAndReplace(closed(redisStore(server.url)), 'relay:last');
      await eventually(() => words).toEqual(['relay:last']);
    });

    it('the Redis store writes to a Redis without the command PUBLISH', async () => {
      const server = closed(await startRedis({ args: ['--rename-command', 'PUBLISH', ''] }));
      const store = closed(redisStore(server.url));
      await createAndReplace(store, 'relay:k');
      expect((await store.get('relay:k'))?.revision).toBe(revision('b'));
    });

    it('the Redis store without the right to subscribe works, and rarely tries to subscribe again', async () => {
      const server = closed(await startRedis());
      await server.command('ACL', 'SETUSER', 'deaf', 'on', '>x', '~*', 'resetchannels', '+@all');
      const store = closed(redisStore(server.url.replace('//', '//deaf:x@')));
      const listener = subscribe(store);
      const refused = async (): Promise<number> => ((await server.command('ACL', 'LOG')) as unknown[]).length;
      await eventually(refused).toBeGreaterThan(0);
      const connections = async (): Promise<number> => {
        const info = String(await server.command('INFO', 'stats'));
        return Number(/total_connections_received:(\d+)/.exec(info)?.[1]);
      };
      const before = await connections();
      await createAndReplace(store, 'relay:k');
      await new Promise((resolve) => setTimeout(resolve, 700)); // Enough for three attempts without the long pause.
      expect(await connections()).toBe(before + 2); // The connection of the store and that of this query.
      expect([listener.resyncCount(), listener.keys]).toEqual([0, []]);
      const started = performance.now();
      await listener.stop();
      expect(performance.now() - started).toBeLessThan(500);
    });
  });

  it('the Redis store publishes and subscribes over TLS, by a rediss URL', async () => {
    const server = closed(await startRedis({ tls: true }));
    const [one, two] = times(2, () =>
      closed(redisStore(`rediss://localhost:${server.port}`, { tls: { ca: LOCALHOST.cert } })),
    ) as [MailboxStore, MailboxStore];
    const { keys: words } = await subscribeAndWait(two);
    await createAndReplace(one, 'relay:k');
    await eventually(() => words).toEqual(['relay:k']);
  });
});
