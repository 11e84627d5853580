import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import KeyvRedis, { createClient } from '@keyv/redis';
import { Keyv } from 'keyv';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { isKeyvRedis } from '../../../../adapters/store/redis/client.js';
import { toStoreError } from '../../../../adapters/store/redis/errors.js';
import { isKeyvRedis as exported, redisStore } from '../../../../adapters/store/redis/index.js';
import { boundMailbox, closeAfterEach, relayOn } from '../../../support/redis/relay.js';
import { freePort, type RedisServer, startRedis, until, withRedis } from '../../../support/redis/server.js';
import { createBody, device, inSeconds, sharedMailbox, testRelay } from '../../../support/relay/relay.js';

const HANDSHAKE = ['CLIENT', 'HELLO', 'AUTH', 'SELECT', 'ROLE', 'PING', 'MONITOR'];

/** Counts the commands of all clients, without the commands within scripts. */
async function watchCommands(server: RedisServer) {
  const seen: string[] = [];
  const client = createClient({ url: server.url }).on('error', () => {});
  await client.connect();
  await client.monitor((line: unknown) => {
    const match = /^[\d.]+ \[\d+ (\S+)\] "([^"]*)"(.*)/.exec(String(line));
    const command = match?.[2]?.toUpperCase() ?? '';
    if (match?.[1] !== 'lua' && !HANDSHAKE.includes(command)) seen.push(`${command}${match?.[3]}`);
  });
  return {
    /** The commands since the last call. */
    async take(): Promise<string[]> {
      const mark = randomBytes(6).toString('hex');
      await server.command('ECHO', mark);
      await until(() => seen.some((line) => line.includes(mark)), 'MONITOR to show the mark');
      return seen
        .splice(0)
        .filter((line) => !line.startsWith('ECHO'))
        .map((line) => line.split(' ')[0] ?? '');
    },
    close: async () => client.destroy(),
  };
}

const { closed, later } = closeAfterEach();

withRedis(it, () => {
  describe('commands to Redis', () => {
    let server: RedisServer;
    beforeAll(async () => {
      server = await startRedis();
    });
    afterAll(() => server?.close());
    afterEach(() => server.command('FLUSHALL'));

    const open = () => closed(redisStore(server.url));

    it('the relay needs one round trip for create, preview and a bound read, and two for bind, update, relinquish and delete', async () => {
      const { relay } = relayOn(open());
      await boundMailbox(relay); // Connects, and makes the server cache both scripts.
      const monitor = closed(await watchCommands(server));
      const [sender, receiver, second] = [device(relay), device(relay), device(relay)];
      await monitor.take();
      const created = await sender.create();
      const url = created.json.urlLink;
      expect(await monitor.take()).toEqual(['EVALSHA']);

      const steps = {
        preview: [() => receiver.preview(url), ['GET']],
        bind: [() => receiver.read(url), ['GET', 'EVALSHA']],
        'bound read': [() => receiver.read(url), ['GET']],
        update: [() => receiver.update(url), ['GET', 'EVALSHA']],
        relinquish: [() => receiver.relinquish(url), ['GET', 'EVALSHA']],
        'bind again': [() => second.read(url), ['GET', 'EVALSHA']],
        delete: [() => sender.delete(url), ['GET', 'EVALSHA']],
      } as const;
      for (const [name, [step, commands]] of Object.entries(steps)) {
        expect({ name, status: (await step()).status }).toEqual({ name, status: 200 });
        expect({ name, commands: await monitor.take() }).toEqual({ name, commands });
      }
    });

    it('the Redis store sends a script again, once, after the server has dropped it from the cache', async () => {
      const { relay } = relayOn(open());
      const { sender, url } = await sharedMailbox(relay);
      await sender.update(url);
      const monitor = closed(await watchCommands(server));
      await server.command('SCRIPT', 'FLUSH');
      await monitor.take();
      expect((await sender.update(url)).status).toBe(200);
      expect(await monitor.take()).toEqual(['GET', 'EVALSHA', 'EVAL']);
      expect((await sender.update(url)).status).toBe(200);
      expect(await monitor.take()).toEqual(['GET', 'EVALSHA']);
      await server.stop();
      await server.start();
      await expect.poll(async () => (await device(relay).create()).status, { timeout: 2000 }).toBe(200);
    });

    /** The start of a relay pings the store, with a key of its own that ends at once. */
    const listMailboxKeys = async (): Promise<string[]> =>
      ((await server.command('KEYS', '*')) as string[]).filter((key) => !key.includes(':ping-'));

    it('Redis erases a mailbox at the deadline of its record', async () => {
      const { relay } = relayOn(open());
      const expiration = inSeconds(3600);
      await sharedMailbox(relay, createBody({ mailboxConfiguration: { accessRights: 'RWD', expiration } }));
      const [key] = await listMailboxKeys();
      expect(await server.command('PEXPIRETIME', String(key))).toBe(Date.parse(expiration));

      const store = open();
      const expiresAt = Date.now() + 300;
      await store.create('relay:short', 'a'.repeat(16), expiresAt);
      expect(await store.replace('relay:short', 'a'.repeat(16), 'b'.repeat(16))).toBe('ok');
      expect(await server.command('PEXPIRETIME', 'relay:short')).toBe(expiresAt);
      expect(Number(await server.command('PTTL', 'relay:short'))).toBeLessThanOrEqual(300);
      await until(async () => (await server.command('EXISTS', 'relay:short')) === 0, 'the key to be gone', 1000);
      expect(Date.now()).toBeGreaterThanOrEqual(expiresAt);
    });

    it('Redis holds only sealed values, under keys without identifiers', async () => {
      const { relay } = relayOn(open());
      const { sender, receiver, url } = await boundMailbox(relay);
      const body = createBody();
      await sender.update(url, body.payload);
      const keys = await listMailboxKeys();
      expect(keys).toHaveLength(1);
      expect(keys[0]).toMatch(/^relay:[A-Za-z0-9_-]+$/);
      const kept = String(await server.command('GET', String(keys[0])));
      expect(kept).toMatch(/^[A-Za-z0-9_-]{16}\d{16}\.\d{13}\.1\.[A-Za-z0-9_-]+\.[A-Za-z0-9+/]+=*$/);
      const identifier = url.slice(url.lastIndexOf('/') + 1);
      const { data } = body.payload as { data: string };
      for (const secret of ['Hotel', identifier, sender.claim, receiver.claim, data]) {
        expect(`${keys[0]} ${kept}`).not.toContain(secret);
      }
    });

    it('the Redis store rejects a foreign value instead of reporting an absent entry', async () => {
      const store = open();
      await server.command('SET', 'k1', 'of somebody else');
      await server.command('LPUSH', 'k2', 'of somebody else');
      await expect(store.get('k1')).rejects.toMatchObject({ code: 'redis_foreign_value' });
      await expect(store.get('k2')).rejects.toMatchObject({ code: 'WRONGTYPE' });
      await expect(store.replace('k2', 'a'.repeat(16), 'b'.repeat(16))).rejects.toMatchObject({ code: 'WRONGTYPE' });
      await expect(store.create('k3', { revision: 'a'.repeat(16) }, Date.now() + 1000)).rejects.toThrow(TypeError);
    });
  });

  describe('the Redis client of the host', () => {
    let server: RedisServer;
    beforeAll(async () => {
      server = await startRedis();
    });
    afterAll(() => server?.close());

    it('a client of the host keeps its connection and its settings', async () => {
      const host = createClient({ url: server.url, name: 'host' });
      await host.connect();
      later(() => host.destroy());
      const before = inspect(host.options);
      const store = redisStore(host);
      const expiresAt = Date.now() + 1000;
      await store.create('relay:1', 'a'.repeat(16), expiresAt);
      expect(await store.get('relay:1')).toEqual({ value: 'a'.repeat(16), revision: 'a'.repeat(16), expiresAt });
      expect(await connections(server)).toBe(2);
      await store.close();
      expect(inspect(host.options)).toBe(before);
      expect(host.options?.disableOfflineQueue).toBeUndefined();
      expect(host.isReady).toBe(true);
      expect(await host.ping()).toBe('PONG');
      await until(async () => (await connections(server)) === 1, 'our connection to end');
      await expect(store.get('relay:1')).rejects.toMatchObject({ code: 'redis_closed' });
    });

    it('a client that maps types to buffers does not affect the Redis store', async () => {
      const host = createClient({ url: server.url, RESP: 3, commandOptions: { typeMapping: { 36: Buffer } } });
      const store = closed(redisStore(host));
      await store.create('relay:2', 'a'.repeat(16), Date.now() + 1000);
      expect((await store.get('relay:2'))?.revision).toBe('a'.repeat(16));
      expect(host.isOpen).toBe(false);
    });

    it('the Redis store uses the database and the password of the client', async () => {
      await server.command('ACL', 'SETUSER', 'someone', 'on', '>secret', '~*', '+@all');
      const url = server.url.replace('//', '//someone:secret@');
      for (const source of [new KeyvRedis(`${url}/3`), `${url}/3`]) {
        const store = redisStore(source);
        await store.create('relay:3', 'a'.repeat(16), Date.now() + 1000);
        await store.close();
        const client = createClient({ url: `${url}/3` });
        await client.connect();
        expect(await client.del('relay:3')).toBe(1);
        client.destroy();
      }
    });

    it('a Keyv and the Redis store on one Redis neither read nor clear the entries of the other', async () => {
      const adapter = new KeyvRedis(server.url, { namespace: 'host' });
      const keyv = new Keyv(adapter, { namespace: 'host', useKeyPrefix: false });
      later(() => keyv.disconnect());
      const { relay } = relayOn(closed(redisStore(adapter)));
      const { sender, url } = await sharedMailbox(relay);
      await keyv.set('relay', 'mine');
      expect((await sender.read(url)).status).toBe(200);
      await keyv.clear();
      expect((await sender.read(url)).status).toBe(200);
      await sender.delete(url);
      await keyv.set('relay', 'mine');
      expect(await keyv.get('relay')).toBe('mine');
    });
  });

  it('the Redis store repeats neither URL nor password in an error', async () => {
    // The error of Redis for an unknown command repeats the arguments: the key and the value.
    const server = closed(await startRedis({ args: ['--rename-command', 'EVALSHA', ''] }));
    await server.command('ACL', 'SETUSER', 'open', 'on', '>hunter2', '~*', '+@all');
    await server.command('ACL', 'SETUSER', 'meek', 'on', '>hunter2', '~other:*', '+@all');
    await server.command('CONFIG', 'SET', 'requirepass', 'right');
    const down = await freePort();
    const urls = [
      `redis://:hunter2@127.0.0.1:${server.port}`,
      `redis://meek:hunter2@127.0.0.1:${server.port}`,
      `redis://open:hunter2@127.0.0.1:${server.port}`,
      `redis://me:hunter2@127.0.0.1:${down}`,
      `redis+sentinel://me:hunter2@127.0.0.1:${down}/name`,
      `redis+cluster://me:hunter2@127.0.0.1:${down}`,
      `rediss://me:hunter2@127.0.0.1:${server.port}`,
    ];
    for (const url of urls) {
      const store = closed(redisStore(url, { timeoutMs: 500, connectTimeoutMs: 300 }));
      for (const call of [
        () => store.replace('relay:key', 'a'.repeat(16), 'value'.repeat(9)),
        () => store.create('relay:key', 'value'.repeat(9), Date.now() + 1000),
      ]) {
        const error = await call().then(
          () => undefined,
          (cause: unknown) => cause,
        );
        expect(error, url).toMatchObject({ name: 'RedisStoreError', code: expect.stringMatching(/^\w+$/) });
        expect(inspect(error, { showHidden: true, depth: 9 })).not.toMatch(/hunter2|127\.0\.0\.1|relay:key|value/);
      }
    }
  });
});

async function connections(server: RedisServer): Promise<number> {
  const list = String(await server.command('CLIENT', 'LIST', 'TYPE', 'normal'));
  return list.trim().split('\n').length - 1; // Without the connection of this query.
}

describe('redisStore', () => {
  it('redisStore accepts a KeyvRedis or a node-redis client, and rejects other objects', async () => {
    const keyv = new KeyvRedis('redis://127.0.0.1:1');
    expect(exported).toBe(isKeyvRedis);
    expect(isKeyvRedis(keyv)).toBe(true);
    for (const other of [undefined, null, 'redis://h', {}, new Keyv(), keyv.client, new Map()]) {
      expect(isKeyvRedis(other)).toBe(false);
    }
    for (const other of [undefined, null, {}, new Keyv(), new Map(), 6379]) {
      expect(() => redisStore(other as never)).toThrow(TypeError);
    }
    for (const source of [keyv, keyv.client, 'redis://127.0.0.1:1']) {
      const relay = testRelay({ store: redisStore(source), keys: [randomBytes(32)] });
      await relay.close();
    }
  });

  it('toStoreError uses the error prefix of Redis, the code of the system, or a code of the store', () => {
    const codes = {
      'OOM command not allowed': 'OOM',
      'ERR Error running script (call to f_1): @user_script:1: @user_script: 9: -OOM command not allowed when': 'OOM',
      'MASTERDOWN Link with MASTER is down': 'MASTERDOWN',
      LOADING: 'LOADING',
      'Socket closed unexpectedly': 'redis_unreachable',
      'A7 of something': 'redis_unreachable',
    };
    for (const [message, code] of Object.entries(codes)) expect(toStoreError(new Error(message)).code).toBe(code);
    expect(toStoreError(Object.assign(new Error('OOM'), { code: 'ECONNRESET' })).code).toBe('ECONNRESET');
    expect(toStoreError(undefined).code).toBe('redis_unreachable');
  });
});
