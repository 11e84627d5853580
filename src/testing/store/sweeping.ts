/** A sweep erases expired entries up to its limit and returns their number. */
import assert from 'node:assert/strict';
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';
import type { MailboxStore } from '../../relay/store/contract.js';
import { type BackendClock, inTime } from './clock.js';
import type { StoreHarness, StoreTest } from './harness.js';
import { farDeadline, newKey, newValue, upTo } from './values.js';

const BATCH = 1000;
/** A sweep may see a deadline later than a read does, by this much: an index by the second is fine. */
const SWEEP_LATE_MS = 2000;
/** Other clients may use the backend. Their expired entries and sweeps spoil some counts, but not every one. */
const ATTEMPTS = 3;

type Sweeping = MailboxStore & Required<Pick<MailboxStore, 'sweep'>>;

const sweeps = (store: MailboxStore): store is Sweeping => store.sweep !== undefined;

/** Erases expired entries of earlier tests and of other clients. */
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

/** Sweeps until the expected number is erased, and once more; returns the sum of the counts. */
async function sweepAll(stores: readonly Sweeping[], expected: number, limit: number): Promise<number> {
  const end = performance.now() + SWEEP_LATE_MS;
  let erasedInAll = 0;
  while (erasedInAll < expected && performance.now() < end) {
    const counts = await Promise.all(stores.map((store) => store.sweep(limit)));
    const erased = counts.reduce((sum, count) => sum + count, 0);
    erasedInAll += erased;
    if (erased === 0) await pause(20);
  }
  for (const store of stores) erasedInAll += await store.sweep(limit);
  return erasedInAll;
}

/** The count is right in one of a few attempts, since others may use the backend. */
async function addsUp(expected: number, attempt: () => Promise<number>): Promise<void> {
  const erasedCounts: number[] = [];
  while (erasedCounts.length < ATTEMPTS && erasedCounts.at(-1) !== expected) erasedCounts.push(await attempt());
  assert.equal(
    erasedCounts.at(-1),
    expected,
    `of ${expected} expired entries the sweeps erased, attempt by attempt: ${erasedCounts.join(', ')}`,
  );
}

async function sweepers(harness: StoreHarness, count: number): Promise<readonly [Sweeping, ...Sweeping[]] | undefined> {
  const [first, ...others] = await harness.clients(count);
  if (!sweeps(first)) {
    assert.ok(first.capabilities.nativeExpiry, 'a store without native expiry has sweep');
    return undefined;
  }
  return [first, ...others.filter(sweeps)];
}

export function sweepTests(test: StoreTest): void {
  test('sweep: erases expired entries and returns their number', async (harness) => {
    const [store] = (await sweepers(harness, 1)) ?? [];
    if (store === undefined) return;
    const clock = await harness.clock(store);
    await addsUp(20, async () => {
      await drain(store);
      await letExpire(store, clock, 20);
      return sweepAll([store], 20, BATCH);
    });
  });

  test('sweep: leaves live entries, also those whose deadline a replace moved', async (harness) => {
    const [store, other] = (await sweepers(harness, 2)) ?? [];
    if (store === undefined || other === undefined) return;
    const clock = await harness.clock(store);
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

  test('sweep: erases no more than its limit at once, and the rest later', async (harness) => {
    const [store] = (await sweepers(harness, 1)) ?? [];
    if (store === undefined) return;
    const clock = await harness.clock(store);
    await addsUp(10, async () => {
      await drain(store);
      await letExpire(store, clock, 10);
      return sweepAll([store], 10, 3);
    });
  });

  test('sweep: two at once erase each entry once, and their counts add up', async (harness) => {
    const stores = await sweepers(harness, 2);
    if (stores === undefined) return;
    const clock = await harness.clock(stores[0]);
    await addsUp(60, async () => {
      for (const store of stores) await drain(store);
      for (const store of stores) await letExpire(store, clock, 60 / stores.length);
      return sweepAll(stores, 60, 50);
    });
  });

  test('sweep: erases expired entries of a client that has closed', async (harness) => {
    const [gone] = (await sweepers(harness, 1)) ?? [];
    if (gone === undefined) return;
    const clock = await harness.clock(gone);
    await addsUp(10, async () => {
      const author = await harness.open();
      await drain(gone);
      await letExpire(author, clock, 10);
      await author.close();
      const heir = await harness.open();
      assert.ok(sweeps(heir));
      return sweepAll([heir], 10, BATCH);
    });
  });

  test('sweep: never erases a new entry that replaces an expired one at the same time', async (harness) => {
    const [store, other] = (await sweepers(harness, 2)) ?? [];
    if (store === undefined || other === undefined) return;
    const clock = await harness.clock(store);
    const keys = await letExpire(store, clock, 30);
    // An index by the second sees the deadline a second later; before that there is no race.
    await clock.passes(Math.ceil(clock.now() / 1000) * 1000);
    const values = new Map(keys.map((key) => [key, newValue('new')]));
    const create = (group: number) =>
      keys
        .filter((_, index) => index % 3 === group)
        .map((key) => other.create(key, values.get(key) ?? newValue(), farDeadline()));
    // Creates before the sweeps, after them, and one turn of the event loop later.
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
