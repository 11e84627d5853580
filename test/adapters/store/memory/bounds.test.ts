import { randomBytes } from 'node:crypto';
import { isStoreFull, StoreFullError } from 'credential-relay';
import { memoryStore } from 'credential-relay/adapters/store/memory';
import fc from 'fast-check';
import { Keyv } from 'keyv';
import { describe, expect, it } from 'vitest';
import { measureEntry } from '../../../../adapters/store/memory/size.js';
import type { StoredEntry, StoredValue } from '../../../../src/relay/store/contract.js';

const NOW = 1_900_000_000_000;
const HOUR = 3_600_000;
const value = (characters = 100): string => `${randomBytes(12).toString('base64url')}.${'x'.repeat(characters - 17)}`;

function setUp(options: { maximumMailboxes?: number; maximumBytes?: number }) {
  const clock = { now: NOW };
  const map = new Map<string, unknown>();
  return { clock, map, store: memoryStore(map, { clock: () => clock.now, ...options }) };
}

/** Counts the content of the Map. */
function recount(map: ReadonlyMap<string, unknown>): { mailboxes: number; bytes: number } {
  let bytes = 0;
  for (const [key, entry] of map) bytes += measureEntry(key, (entry as StoredEntry).value);
  return { mailboxes: map.size, bytes };
}

describe('bounds of the memory store', () => {
  it('the memory store rejects a mailbox beyond its bound with store_full, and changes nothing', async () => {
    const { store, map } = setUp({ maximumMailboxes: 3 });
    for (const key of ['a', 'b', 'c']) expect(await store.create(key, value(), NOW + HOUR)).toBe(true);
    const before = [...map];
    const refused = await store.create('d', value(), NOW + HOUR).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(StoreFullError);
    expect(isStoreFull(refused)).toBe(true);
    expect([...map]).toEqual(before);
  });

  it('a full memory store recognizes a retried create', async () => {
    const { store } = setUp({ maximumMailboxes: 1 });
    await store.create('a', value(), NOW + HOUR);
    expect(await store.create('a', value(), NOW + HOUR)).toBe(false);
  });

  it('a full memory store erases expired entries to make room, and never live entries', async () => {
    const { store, map, clock } = setUp({ maximumMailboxes: 3 });
    await store.create('old', value(), NOW + 1000);
    await store.create('live', value(), NOW + HOUR);
    await store.create('also', value(), NOW + HOUR);
    await expect(store.create('new', value(), NOW + HOUR)).rejects.toThrow(StoreFullError);
    clock.now = NOW + 1000;
    expect(await store.create('new', value(), NOW + HOUR)).toBe(true);
    expect([...map.keys()]).toEqual(['live', 'also', 'new']);
  });

  it('the memory store reserves an eighth of its bytes for growth, and rejects growth beyond its bytes', async () => {
    const maximumBytes = 80_000;
    const { store, map } = setUp({ maximumBytes });
    const revisions = new Map<string, StoredValue>();
    let refused = 0;
    for (let index = 0; index < 100; index += 1) {
      const put = value(2000);
      const created = await store.create(`k${index}`, put, NOW + HOUR).catch(() => false);
      if (created) revisions.set(`k${index}`, put);
      else refused += 1;
    }
    expect(refused).toBeGreaterThan(0);
    expect(recount(map).bytes).toBeLessThanOrEqual((maximumBytes * 7) / 8);
    expect(recount(map).bytes).toBeGreaterThan((maximumBytes * 7) / 8 - 3000);
    const growth: string[] = [];
    for (const [key, put] of revisions) {
      growth.push(await store.replace(key, String(put).slice(0, 16), value(6000)).catch((error) => error.code));
    }
    expect(growth.slice(0, 3)).toEqual(['ok', 'ok', 'store_full']);
    expect(recount(map).bytes).toBeLessThanOrEqual(maximumBytes);
  });

  it('a memory store without a free byte binds and deletes a mailbox', async () => {
    const put = value(500);
    const bytes = measureEntry('k', put);
    const { store, map } = setUp({ maximumBytes: Math.ceil((bytes * 8) / 7) });
    await store.create('k', put, NOW + HOUR);
    const bound = value(900);
    expect(await store.replace('k', put.slice(0, 16), bound)).toBe('ok');
    await expect(store.replace('k', bound.slice(0, 16), value(5000))).rejects.toThrow(StoreFullError);
    expect(await store.replace('k', bound.slice(0, 16), value(40))).toBe('ok');
    expect((await store.ping()).usage).toMatchObject(recount(map));
  });

  it('memory stores on one Map count all its entries, each by its own bounds', async () => {
    const map = new Map<string, unknown>();
    await memoryStore(map).create('before', value(), Date.now() + HOUR);
    const two = memoryStore(map, { maximumMailboxes: 2 });
    await two.create('a', value(), Date.now() + HOUR);
    await expect(two.create('b', value(), Date.now() + HOUR)).rejects.toThrow(StoreFullError);
    expect(await memoryStore(map).create('b', value(), Date.now() + HOUR)).toBe(true);
    expect((await two.ping()).usage).toMatchObject(recount(map));
  });

  it('the memory store has room again after the host has cleared the Map', async () => {
    const { store, map } = setUp({ maximumBytes: 2000 });
    await store.create('a', value(500), NOW + HOUR);
    await expect(store.create('b', value(1000), NOW + HOUR)).rejects.toThrow(StoreFullError);
    map.clear();
    expect(await store.create('b', value(1000), NOW + HOUR)).toBe(true);
  });

  it('memoryStore accepts options alone, and rejects invalid bounds and unknown options', async () => {
    const usage = { mailboxes: 0, bytes: 0, maximumMailboxes: 5, maximumBytes: 67_108_864 };
    expect((await memoryStore({ maximumMailboxes: 5 }).ping()).usage).toEqual(usage);
    expect((await memoryStore(new Keyv()).ping()).usage).toEqual({ ...usage, maximumMailboxes: 100_000 });
    for (const bad of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '5' as unknown as number]) {
      expect(() => memoryStore({ maximumMailboxes: bad })).toThrow(/^memoryStore.maximumMailboxes: must be/);
      expect(() => memoryStore(new Map(), { maximumBytes: bad })).toThrow(/^memoryStore.maximumBytes: must be/);
    }
    expect(() => memoryStore({ maximum: 5 } as object)).toThrow('memoryStore.maximum: there is no such option');
  });

  it('the memory store counts exactly after any sequence of changes', async () => {
    const key = fc.integer({ min: 0, max: 12 }).map((index) => `k${index}`);
    const size = fc.oneof(fc.integer({ min: 17, max: 60 }), fc.integer({ min: 500, max: 9000 }));
    const text = fc
      .tuple(size, fc.constantFrom('x', 'é', '漢'))
      .map(([characters, letter]) => letter.repeat(characters));
    const life = fc.integer({ min: -500, max: 9000 });
    const step = fc.oneof(
      fc.record({ call: fc.constant('create' as const), key, text, life, clear: fc.boolean() }),
      fc.record({ call: fc.constant('replace' as const), key, text, life: fc.option(life), stale: fc.boolean() }),
      fc.record({ call: fc.constant('sweep' as const), limit: fc.integer({ min: 0, max: 5 }) }),
      fc.record({ call: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 4000 }) }),
    );
    const bounds = { maximumMailboxes: 8, maximumBytes: 40_000 };
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 60 }), async (steps) => {
        const { store, map, clock } = setUp(bounds);
        let revision = 0;
        const next = () => {
          revision += 1;
          return String(revision).padStart(16, '0');
        };
        for (const one of steps) {
          const before = recount(map);
          if (one.call === 'wait') clock.now += one.ms;
          if (one.call === 'sweep') await store.sweep?.(one.limit);
          if (one.call === 'create') {
            const put: StoredValue = one.clear
              ? ({ revision: next(), record: { text: one.text, list: [one.text.length] } } as StoredValue)
              : next() + one.text;
            const created = await store.create(one.key, put, clock.now + one.life).catch((error: unknown) => error);
            if (isStoreFull(created)) {
              const bytes = recount(map).bytes + measureEntry(one.key, put);
              expect(map.size >= bounds.maximumMailboxes || bytes > (bounds.maximumBytes * 7) / 8).toBe(true);
              expect(map.get(one.key)).toSatisfy(
                (held?: StoredEntry) => held === undefined || held.expiresAt <= clock.now,
              );
            }
            if (created === true) {
              expect(map.size).toBeLessThanOrEqual(bounds.maximumMailboxes);
              expect(recount(map).bytes).toBeLessThanOrEqual((bounds.maximumBytes * 7) / 8);
            }
          }
          if (one.call === 'replace') {
            const held = map.get(one.key) as StoredEntry | undefined;
            const asked = one.stale ? '-'.repeat(16) : (held?.revision ?? '');
            const expiresAt = one.life === null ? undefined : clock.now + one.life;
            const answer = await store.replace(one.key, asked, next() + one.text, expiresAt).catch((error) => error);
            if (isStoreFull(answer)) {
              expect(map.get(one.key)).toBe(held);
              expect(recount(map).bytes).toBeLessThanOrEqual(before.bytes);
            }
          }
          expect((await store.ping()).usage).toEqual({ ...recount(map), ...bounds });
        }
      }),
      { numRuns: 150 },
    );
  });
});
