import { memoryStore } from 'credential-relay/adapters/store/memory';
import { Keyv } from 'keyv';
import { describe, expect, it } from 'vitest';
import { getRevision } from '../../../../src/relay/store/contract.js';

const NOW = 1_900_000_000_000;

function setUp(source: Keyv | Map<string, unknown> = new Map()) {
  const clock = { now: NOW };
  return { clock, store: memoryStore(source, { clock: () => clock.now }) };
}
const value = (letter: string): string => `${letter.repeat(16)}.rest`;

describe('the memory store', () => {
  it('the memory store creates only absent entries', async () => {
    const { store } = setUp();
    expect(await store.create('k', value('a'), NOW + 1000)).toBe(true);
    expect(await store.create('k', value('b'), NOW + 1000)).toBe(false);
    expect(await store.get('k')).toMatchObject({ value: value('a'), revision: 'a'.repeat(16), expiresAt: NOW + 1000 });
  });

  it('the memory store replaces only the named revision', async () => {
    const { store } = setUp();
    await store.create('k', value('a'), NOW + 1000);
    expect(await store.replace('k', 'x'.repeat(16), value('b'))).toBe('conflict');
    expect(await store.replace('k', 'a'.repeat(16), value('b'))).toBe('ok');
    expect(await store.replace('k', 'a'.repeat(16), value('c'))).toBe('conflict');
    expect(await store.replace('none', 'a'.repeat(16), value('c'))).toBe('missing');
    expect((await store.get('k'))?.value).toBe(value('b'));
  });

  it('the memory store keeps the deadline on a replace without a deadline', async () => {
    const { store } = setUp();
    await store.create('k', value('a'), NOW + 1000);
    await store.replace('k', 'a'.repeat(16), value('b'));
    expect((await store.get('k'))?.expiresAt).toBe(NOW + 1000);
    await store.replace('k', 'b'.repeat(16), value('c'), NOW + 500);
    expect((await store.get('k'))?.expiresAt).toBe(NOW + 500);
  });

  it('the memory store has no entry at or after the deadline, and accepts a new entry then', async () => {
    const { store, clock } = setUp();
    await store.create('k', value('a'), NOW + 1000);
    clock.now = NOW + 999;
    expect(await store.get('k')).toBeDefined();
    clock.now = NOW + 1000;
    expect(await store.get('k')).toBeUndefined();
    expect(await store.replace('k', 'a'.repeat(16), value('b'))).toBe('missing');
    expect(await store.create('k', value('b'), NOW + 2000)).toBe(true);
  });

  it('the memory store rejects a deadline that has passed or is not a safe integer, and stores nothing', async () => {
    const { store } = setUp();
    for (const deadline of [NOW, NOW - 1, Number.NaN, Number.POSITIVE_INFINITY, NOW + 0.5]) {
      await expect(store.create('k', value('a'), deadline)).rejects.toThrow(RangeError);
    }
    expect(await store.get('k')).toBeUndefined();
  });

  it('exactly one of 100 concurrent callers of the memory store wins each change', async () => {
    const { store } = setUp();
    const created = await Promise.all(Array.from({ length: 100 }, () => store.create('k', value('a'), NOW + 1000)));
    expect(created.filter(Boolean)).toHaveLength(1);
    const replaced = await Promise.all(
      Array.from({ length: 100 }, () => store.replace('k', 'a'.repeat(16), value('b'))),
    );
    expect(replaced.filter((answer) => answer === 'ok')).toHaveLength(1);
  });

  it('the memory store sweeps what has expired from the Map, up to the limit, and nothing else [N21]', async () => {
    const map = new Map<string, unknown>();
    const { store, clock } = setUp(map);
    for (let index = 0; index < 10; index += 1) await store.create(`k${index}`, value('a'), NOW + 1000 + index * 100);
    await store.create('later', value('a'), NOW + 60_000);
    await store.replace('k9', 'a'.repeat(16), value('b'), NOW + 90_000);
    clock.now = NOW + 2000;
    expect(await store.sweep?.(4)).toBe(4);
    expect(map.size).toBe(7);
    expect(await store.sweep?.(100)).toBe(5);
    expect(await store.sweep?.(100)).toBe(0);
    expect([...map.keys()].sort()).toEqual(['k9', 'later']);
  });

  it('the memory store does not sweep an entry that another store on the Map has extended', async () => {
    const map = new Map<string, unknown>();
    const one = setUp(map);
    const two = setUp(map);
    await one.store.create('k', value('a'), NOW + 1000);
    one.clock.now = two.clock.now = NOW + 1000;
    await two.store.create('k', value('b'), NOW + 60_000);
    await one.store.sweep?.(100);
    expect((await one.store.get('k'))?.value).toBe(value('b'));
  });

  it('two memory stores on one Map sweep an entry once', async () => {
    const map = new Map<string, unknown>();
    const one = setUp(map);
    await one.store.create('k', value('a'), NOW + 1000);
    const two = setUp(map);
    one.clock.now = two.clock.now = NOW + 1000;
    expect([await one.store.sweep?.(10), await two.store.sweep?.(10)]).toEqual([1, 0]);
  });

  it('the memory store sweeps entries that were in the Map before it', async () => {
    const map = new Map<string, unknown>();
    await setUp(map).store.create('k', value('a'), NOW + 1000);
    const { store, clock } = setUp(map);
    clock.now = NOW + 1000;
    await store.sweep?.(100);
    expect(map.size).toBe(0);
  });

  it('memoryStore accepts a Keyv on a Map, and rejects any other Keyv', async () => {
    const keyv = new Keyv();
    await setUp(keyv).store.create('k', value('a'), NOW + 1000);
    expect((keyv.store as Map<string, unknown>).has('k')).toBe(true);
    const elsewhere = { opts: {}, get() {}, set() {}, delete() {}, clear() {}, on() {} };
    expect(() => memoryStore(new Keyv({ store: elsewhere }))).toThrow(TypeError);
  });

  it('the memory store keeps an object by reference and reads its revision', async () => {
    const { store } = setUp();
    const object = { revision: 'r', anything: {} };
    await store.create('k', object, NOW + 1000);
    expect((await store.get('k'))?.value).toBe(object);
    expect(getRevision(object)).toBe('r');
  });
});
