/** A sweep erases what has expired, no more than it was told, and tells the truth about it. */
import assert from 'node:assert/strict';
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';
import type { MailboxStore } from '../../relay/store/contract.js';
import type { Bench, StoreTest } from './bench.js';
import { type BackendClock, inTime } from './clock.js';
import { farDeadline, newKey, newValue, upTo } from './values.js';

const BATCH = 1000;
/** A sweep may see a deadline later than a read does, by this much: an index by the second is fine. */
const SWEEP_LATE_MS = 2000;
/** Others may use the backend: what they let expire, or sweep, spoils a count, but not every time. */
const ATTEMPTS = 3;

type Sweeping = MailboxStore & Required<Pick<MailboxStore, 'sweep'>>;

const sweeps = (store: MailboxStore): store is Sweeping => store.sweep !== undefined;

/** Erases what earlier tests and others have left. */
async function drain(store: Sweeping): Promise<void> {
  for (let batches = 0; batches < 100; batches += 1) if ((await store.sweep(BATCH)) < BATCH) return;
}

/** Lets `count` entries expire and gives their keys. */
async function letExpire(store: MailboxStore, clock: BackendClock, count: number): Promise<readonly string[]> {
  const { result, deadline } = await inTime(clock, async (key, deadline) => {
    const keys = upTo(count).map((index) => `${key}:${index}`);
    const created = await Promise.all(keys.map((each) => store.create(each, newValue(), deadline)));
    assert.ok(created.every(Boolean));
    return keys;
  });
  await clock.passes(deadline);
  return result;
}

/** Sweeps until as many are erased as are expected, and once more; gives what was told in all. */
async function sweepAll(stores: readonly Sweeping[], expected: number, limit: number): Promise<number> {
  const end = performance.now() + SWEEP_LATE_MS;
  let told = 0;
  while (told < expected && performance.now() < end) {
    const counts = await Promise.all(stores.map((store) => store.sweep(limit)));
    const erased = counts.reduce((sum, count) => sum + count, 0);
    told += erased;
    if (erased === 0) await pause(20);
  }
  for (const store of stores) told += await store.sweep(limit);
  return told;
}

/** The count is right in one of a few attempts, since others may use the backend. */
async function addsUp(expected: number, attempt: () => Promise<number>): Promise<void> {
  const told: number[] = [];
  while (told.length < ATTEMPTS && told.at(-1) !== expected) told.push(await attempt());
  assert.equal(
    told.at(-1),
    expected,
    `of ${expected} expired entries sweeps told, attempt by attempt: ${told.join(', ')}`,
  );
}

async function sweepers(bench: Bench, count: number): Promise<readonly [Sweeping, ...Sweeping[]] | undefined> {
  const [first, ...others] = await bench.clients(count);
  if (!sweeps(first)) {
    assert.ok(first.capabilities.nativeExpiry, 'a store without native expiry has sweep');
    return undefined;
  }
  return [first, ...others.filter(sweeps)];
}

export function sweepTests(test: StoreTest): void {
  test('sweep: erases what has expired and tells how many', async (bench) => {
    const [store] = (await sweepers(bench, 1)) ?? [];
    if (store === undefined) return;
    const clock = await bench.clock(store);
    await addsUp(20, async () => {
      await drain(store);
      await letExpire(store, clock, 20);
      return sweepAll([store], 20, BATCH);
    });
  });

  test('sweep: leaves what is live alone, also what a replace gave a longer life', async (bench) => {
    const [store, other] = (await sweepers(bench, 2)) ?? [];
    if (store === undefined || other === undefined) return;
    const clock = await bench.clock(store);
    const live = new Map(upTo(10).map(() => [newKey(), newValue()]));
    for (const [key, value] of live) await store.create(key, value, farDeadline());
    const { key, deadline } = await inTime(clock, async (key, deadline) => {
      const [first, second] = [newValue(), newValue()];
      await store.create(key, first, deadline);
      assert.equal(await other.replace(key, first.slice(0, 16), second, farDeadline()), 'ok');
      live.set(key, second);
    });
    assert.ok(live.has(key));
    await clock.passes(deadline);
    await letExpire(store, clock, 5);
    await sweepAll([store, other], 5, BATCH);
    for (const [each, value] of live) assert.equal((await store.get(each))?.value, value, 'a live entry was swept');
  });

  test('sweep: erases no more than its limit at once, and the rest later', async (bench) => {
    const [store] = (await sweepers(bench, 1)) ?? [];
    if (store === undefined) return;
    const clock = await bench.clock(store);
    await addsUp(10, async () => {
      await drain(store);
      await letExpire(store, clock, 10);
      return sweepAll([store], 10, 3);
    });
  });

  test('sweep: of two at once each erases its own, and the counts add up', async (bench) => {
    const stores = await sweepers(bench, 2);
    if (stores === undefined) return;
    const clock = await bench.clock(stores[0]);
    await addsUp(60, async () => {
      for (const store of stores) await drain(store);
      for (const store of stores) await letExpire(store, clock, 60 / stores.length);
      return sweepAll(stores, 60, 50);
    });
  });

  test('sweep: erases what a client that is gone has left', async (bench) => {
    const [gone] = (await sweepers(bench, 1)) ?? [];
    if (gone === undefined) return;
    const clock = await bench.clock(gone);
    await addsUp(10, async () => {
      const author = await bench.open();
      await drain(gone);
      await letExpire(author, clock, 10);
      await author.close();
      const heir = await bench.open();
      assert.ok(sweeps(heir));
      return sweepAll([heir], 10, BATCH);
    });
  });

  test('sweep: never takes the new entry that is created at the same time under an expired key', async (bench) => {
    const [store, other] = (await sweepers(bench, 2)) ?? [];
    if (store === undefined || other === undefined) return;
    const clock = await bench.clock(store);
    const keys = await letExpire(store, clock, 30);
    // An index by the second sees the deadline a second later: until then the race would be none.
    await clock.passes(Math.ceil(clock.now() / 1000) * 1000);
    const values = new Map(keys.map((key) => [key, newValue('new')]));
    const create = (group: number) =>
      keys
        .filter((_, index) => index % 3 === group)
        .map((key) => other.create(key, values.get(key) ?? newValue(), farDeadline()));
    // Creates that are ahead of the sweeps, behind them, and a turn of the event loop later.
    const calls: Promise<boolean>[] = create(0);
    const sweeping = [store, other, store].map((each) => each.sweep(BATCH));
    calls.push(...create(1));
    const later = turn().then(() => Promise.all([...create(2), ...[store, other].map((each) => each.sweep(BATCH))]));
    const [created] = await Promise.all([Promise.all(calls), later, ...sweeping]);
    assert.ok(created.every(Boolean), 'an expired entry is no obstacle, swept or not');
    await drain(store);
    for (const [key, value] of values) assert.equal((await store.get(key))?.value, value, 'the new entry was swept');
  });
}
