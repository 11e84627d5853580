import { Keyv } from 'keyv';
import { describe, expect, it } from 'vitest';
import { postgresStore } from '../../../adapters/store/postgres/index.js';
import type { Sentinel } from '../../../adapters/store/redis/client.js';
import { ConnectionManager, type RedisConnection } from '../../../adapters/store/redis/connection-manager.js';
import { sentinelConnection } from '../../../adapters/store/redis/connections.js';
import { createFailure } from '../../../adapters/store/sqlite/errors.js';
import { GroupCommitQueue } from '../../../adapters/store/sqlite/group-commit.js';
import { sqliteStore } from '../../../adapters/store/sqlite/index.js';
import { createCallLimit } from '../../../src/relay/store/call-limit.js';
import { keyvStore } from '../../../src/relay/store/keyv-store.js';
import { forever } from '../../support/store/stores.js';

const refusal = () => new Error('too many');
async function codesOf(calls: Promise<unknown>[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const result of await Promise.allSettled(calls)) {
    const code = result.status === 'fulfilled' ? 'ok' : (result.reason.code ?? result.reason.message);
    counts[code] = (counts[code] ?? 0) + 1;
  }
  return counts;
}

describe('pending calls to a silent backend', () => {
  it('reach the limit, and the store refuses further calls until one has settled', async () => {
    const limit = createCallLimit(2, 1000);
    let settle: () => void = () => {};
    const first = limit.run(1, () => new Promise<void>((resolve) => (settle = resolve)), refusal);
    const second = limit.run(1, forever, refusal);
    await expect(limit.run(1, async () => {}, refusal)).rejects.toThrow('too many');
    settle();
    await first;
    expect(await limit.run(1, async () => 'answer', refusal)).toBe('answer');
    expect(await Promise.race([second, 'waits'])).toBe('waits');
  });

  it('have at most the allowed number of bytes, except a single larger call', async () => {
    const limit = createCallLimit(10, 100);
    expect(await limit.run(500, async () => 'large', refusal)).toBe('large');
    void limit.run(60, forever, refusal);
    await expect(limit.run(50, async () => {}, refusal)).rejects.toThrow('too many');
    expect(await limit.run(40, async () => 'fits', refusal)).toBe('fits');
    await expect(limit.run(0, () => Promise.reject(new Error('its own')), refusal)).rejects.toThrow('its own');
  });

  it('are bounded on Redis, in number and in bytes', async () => {
    const silent: RedisConnection = { send: forever, isUp: () => true, destroy: () => {}, partial: true };
    const redis = new ConnectionManager(async () => silent, 300);
    const value = 'x'.repeat(1024 * 1024);
    const large = Array.from({ length: 70 }, () => redis.send('k', ['SET', 'k', value]));
    expect(await codesOf(large)).toEqual({ redis_timeout: 63, redis_overloaded: 7 });
    const small = Array.from({ length: 10_050 }, () => redis.send('k', ['GET', 'k']));
    expect(await codesOf(small)).toMatchObject({ redis_overloaded: 50 });
    await redis.close();
  });

  it("count after their time-out while the host's own client keeps them", async () => {
    let kept = 0;
    const client = {
      isOpen: true,
      on: () => client,
      sendCommand: () => {
        kept += 1;
        return forever();
      },
    } as unknown as Sentinel;
    const redis = new ConnectionManager(
      sentinelConnection(client, async () => {}, { connectTimeoutMs: 50 }),
      50,
    );
    const send = (count: number) => codesOf(Array.from({ length: count }, () => redis.send('k', ['GET', 'k'])));
    expect(await send(10_000)).toEqual({ redis_timeout: 10_000 });
    expect(await send(100)).toEqual({ redis_overloaded: 100 });
    expect(kept).toBe(10_000);
    await redis.close();
  });

  it('are bounded on a pool of the host that never gives a connection', async () => {
    let asked = 0;
    const pool = {
      totalCount: 0,
      connect: () => {
        asked += 1;
        return forever();
      },
      query: forever,
      end: async () => {},
      on: () => {},
      listenerCount: () => 1,
    };
    const store = postgresStore(pool, { changes: false });
    // The first call waits for the table, and all other calls wait for the first call.
    await expect(store.get('k')).rejects.toMatchObject({ code: 'POSTGRES_TIMEOUT' });
    expect(asked).toBe(1);
  });

  it('are bounded on a Keyv adapter that never answers', async () => {
    let asked = 0;
    const silent = {
      opts: {},
      get: () => {
        asked += 1;
        return forever();
      },
      set: forever,
      delete: async () => true,
      clear: async () => {},
      on() {
        return this;
      },
    };
    const store = keyvStore(new Keyv({ store: silent }), { atomicity: 'single-process' });
    const counts = await codesOf(Array.from({ length: 10_020 }, (_, index) => store.get(`k${index}`)));
    expect(counts).toEqual({ store_timeout: 10_000, 'Too many calls wait for the Keyv adapter.': 20 });
    expect(asked).toBe(10_000);
  });

  it('of one key on a Keyv adapter end with the first call that hung', async () => {
    const silent = { opts: {}, get: forever, set: forever, delete: forever, clear: forever, on: () => silent };
    const store = keyvStore(new Keyv({ store: silent }), { atomicity: 'single-process' });
    const started = performance.now();
    const replaces = Array.from({ length: 50 }, () => store.replace('k', 'r', 'value', Date.now() + 1000));
    expect(await codesOf(replaces)).toEqual({ store_timeout: 50 });
    expect(performance.now() - started).toBeLessThan(6000);
  });

  it('are bounded in the queue of SQLite', async () => {
    const busy = Object.assign(new Error('locked'), { code: 'SQLITE_BUSY' });
    const connector = {
      owned: true,
      load: () => undefined,
      getConnection: () => {
        throw busy;
      },
      explain: createFailure,
      reset: () => {},
      close: () => {},
    };
    const queue = new GroupCommitQueue(connector, 0, Date.now);
    const changes = Array.from({ length: 10_010 }, () => queue.write(() => undefined));
    const messages = (await Promise.allSettled(changes)).map((one) =>
      one.status === 'rejected' ? one.reason.message : '',
    );
    expect(messages.filter((message) => /^Too many changes wait/.test(message))).toHaveLength(10);
    expect(messages.filter((message) => /held the lock of the database/.test(message))).toHaveLength(10_000);
    await queue.close();
  });

  it('have at most 64 MiB in the queue of SQLite', async () => {
    const store = sqliteStore('sqlite::memory:');
    const value = 'x'.repeat(1024 * 1024);
    // All calls start in one turn, so that they wait for the same commit. The bound of the table then refuses most of
    // them.
    const creates = Array.from({ length: 70 }, (_, at) => store.create(`k${at}`, value, Date.now() + 60_000));
    const { SQLITE_BUSY, ...others } = await codesOf(creates);
    expect([SQLITE_BUSY, Object.values(others).reduce((sum, count) => sum + count, 0)]).toEqual([6, 64]);
    expect(await store.create('later', 'small', Date.now() + 60_000)).toBe(true);
    await store.close();
  });
});
