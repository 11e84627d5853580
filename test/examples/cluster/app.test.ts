/** examples/cluster: one process, and the shared Redis. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { createApp } from '../../../examples/cluster/app.js';
import { openRedis } from '../../../examples/cluster/redis.js';
import { createBody } from '../../support/protocol/bodies.js';
import { claimField, newDevice } from '../../support/protocol/device.js';
import { type Field, send } from '../../support/protocol/http.js';
import { startRedis, until, withRedis } from '../../support/redis/server.js';

const toClose: Array<() => Promise<unknown>> = [];

afterEach(async () => {
  for (const close of toClose.splice(0)) await close();
});

describe('a relay process', () => {
  test('a stopping relay process ends held reads with 204, closes connections, and accepts no more', async () => {
    const keys = [randomBytes(32).toString('base64url')];
    const app = createApp({ publicUrl: 'http://127.0.0.1/relay', storeUrl: 'memory:', keys });
    app.server.listen(0, '127.0.0.1');
    await once(app.server, 'listening');
    const base = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}/relay`;
    const sender = newDevice();
    const created = await sender.create(base, createBody());
    const url = base + new URL(String(created.json.urlLink)).pathname.replace('/relay', '');

    const version = String(created.headers['mailbox-version']);
    const fields: Field[] = [claimField(sender.claim), ['Mailbox-Known-Version', version], ['Prefer', 'wait=9']];
    const held = send({ method: 'POST', url, fields, keepAlive: true });
    await until(() => app.relay.stats().waiters === 1, 'the read to be held');
    const stopped = app.stop();
    expect(await held).toMatchObject({ status: 204, headers: { connection: 'close', 'preference-applied': 'wait=9' } });
    await stopped;
    await expect(send({ method: 'GET', url })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});

withRedis(test, () => {
  test('openRedis uses the Redis at REDIS_URL, and does not end it', async () => {
    const given = await startRedis();
    toClose.push(() => given.close());
    const redis = await openRedis({ REDIS_URL: given.url });
    expect(redis?.url).toBe(given.url);
    await redis?.close();
    expect(await given.command('PING')).toBe('PONG');
  });

  test('openRedis starts and ends a Redis without REDIS_URL', async () => {
    const redis = await openRedis({ PATH: process.env.PATH });
    const keys = [randomBytes(32).toString('base64url')];
    const { relay, server, stop } = createApp({
      publicUrl: 'http://127.0.0.1',
      storeUrl: redis?.url ?? '',
      keys,
    });
    expect(await relay.ping()).toMatchObject({ clockSkewMs: expect.any(Number) });
    await redis?.close();
    await expect(relay.ping()).rejects.toThrow();
    server.listen(0, '127.0.0.1');
    await stop();
  });
});

describe('openRedis', () => {
  test('openRedis returns undefined if no Redis is installed', async () => {
    expect(await openRedis({ PATH: '' })).toBeUndefined();
  });

  test('openRedis throws if the Redis does not start', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'relay-example-'));
    toClose.push(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, 'redis-server'), '#!/bin/sh\nexit 1\n');
    await chmod(join(folder, 'redis-server'), 0o755);
    const PATH = [folder, process.env.PATH].join(delimiter);
    await expect(openRedis({ PATH })).rejects.toThrow('redis-server has ended before it was ready.');
  });
});
