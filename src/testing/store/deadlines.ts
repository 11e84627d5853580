/** An entry lives until its deadline, not longer, and only a caller moves the deadline. */
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import type { MailboxStore } from '../../relay/store/contract.js';
import { mustReject } from './checked.js';
import { type BackendClock, inTime } from './clock.js';
import type { StoreTest } from './harness.js';
import { farDeadline, newKey, newRevision, newValue } from './values.js';

const CALL_MS = 10_000;
const POLL_MS = 10;
/** The longest time after its deadline that an entry may still be there, in ms. */
const LATE_MS = 2000;
/** Past 2^31 seconds, and far past 2^31 milliseconds from now. */
const DECADES_MS = 40 * 365 * 86_400_000;

/** Reads until the entry is gone, and checks each answer against the bounds of the clock. */
async function livesUntil(store: MailboxStore, clock: BackendClock, key: string, deadline: number): Promise<void> {
  for (;;) {
    const due = clock.isAfter(deadline);
    const entry = await store.get(key);
    const early = clock.isBefore(deadline);
    assert.ok(!(due && entry !== undefined), `the entry lives ${clock.now() - deadline} ms past its deadline`);
    assert.ok(!(early && entry === undefined), `the entry is gone ${deadline - clock.now()} ms before its deadline`);
    if (entry === undefined) return;
    assert.equal(entry.expiresAt, deadline, 'get gives the deadline that holds');
    await pause(POLL_MS);
  }
}

export function deadlineTests(test: StoreTest): void {
  test('deadline: an entry is live before it, and gone from then on', async (harness) => {
    const store = await harness.open();
    const clock = await harness.clock(store);
    const { key, deadline } = await inTime(clock, async (key, deadline) => {
      assert.equal(await store.create(key, newValue(), deadline), true);
      assert.equal((await store.get(key))?.expiresAt, deadline);
    });
    await livesUntil(store, clock, key, deadline);
    await clock.passes(deadline + LATE_MS / 10);
    assert.equal(await store.get(key), undefined, 'gone for good');
  });

  test('deadline: an expired entry counts as absent for create, which puts a whole new one', async (harness) => {
    const store = await harness.open();
    const clock = await harness.clock(store);
    const { key, deadline } = await inTime(clock, (key, deadline) => store.create(key, newValue('old'), deadline));
    await clock.passes(deadline);
    const [value, expiresAt] = [newValue('new'), farDeadline()];
    assert.equal(await store.create(key, value, expiresAt), true);
    const entry = await store.get(key);
    assert.equal(entry?.value, value);
    assert.equal(entry?.expiresAt, expiresAt);
    assert.equal(await store.create(key, newValue(), farDeadline()), false);
  });

  test('deadline: an expired entry is missing for replace, which does not revive it', async (harness) => {
    const store = await harness.open();
    const clock = await harness.clock(store);
    const value = newValue();
    const { key, deadline } = await inTime(clock, (key, deadline) => store.create(key, value, deadline));
    await clock.passes(deadline);
    assert.equal(await store.replace(key, value.slice(0, 16), newValue()), 'missing');
    assert.equal(await store.replace(key, value.slice(0, 16), newValue(), farDeadline()), 'missing');
    assert.equal(await store.replace(key, newRevision(), newValue()), 'missing', 'nor is it a conflict');
    assert.equal(await store.get(key), undefined);
  });

  test('deadline: a replace without one keeps it, to the millisecond', async (harness) => {
    const store = await harness.open();
    const clock = await harness.clock(store);
    const { key, deadline } = await inTime(clock, async (key, deadline) => {
      let value = newValue();
      await store.create(key, value, deadline);
      for (let count = 0; count < 3; count += 1) {
        const next = newValue();
        assert.equal(await store.replace(key, value.slice(0, 16), next), 'ok');
        assert.equal((await store.get(key))?.expiresAt, deadline);
        value = next;
      }
    });
    await livesUntil(store, clock, key, deadline);
  });

  test('deadline: a replace with an earlier one shortens the life', async (harness) => {
    const store = await harness.open();
    const clock = await harness.clock(store);
    const { key, deadline } = await inTime(clock, async (key, deadline) => {
      const value = newValue();
      await store.create(key, value, farDeadline());
      assert.equal(await store.replace(key, value.slice(0, 16), newValue(), deadline), 'ok');
      assert.equal((await store.get(key))?.expiresAt, deadline);
    });
    await livesUntil(store, clock, key, deadline);
  });

  test('deadline: a replace with a later one lengthens the life', async (harness) => {
    const store = await harness.open();
    const clock = await harness.clock(store);
    const [value, next, later] = [newValue(), newValue(), farDeadline()];
    const { key, deadline } = await inTime(clock, async (key, deadline) => {
      await store.create(key, value, deadline);
      assert.equal(await store.replace(key, value.slice(0, 16), next, later), 'ok');
    });
    await clock.passes(deadline);
    const entry = await store.get(key);
    assert.equal(entry?.value, next);
    assert.equal(entry?.expiresAt, later);
  });

  test('deadline: a conflict moves it neither way', async (harness) => {
    const store = await harness.open();
    const clock = await harness.clock(store);
    const { key, deadline } = await inTime(clock, async (key, deadline) => {
      await store.create(key, newValue(), deadline);
      assert.equal(await store.replace(key, newRevision(), newValue(), farDeadline()), 'conflict');
      assert.equal(await store.create(key, newValue(), farDeadline()), false);
    });
    await livesUntil(store, clock, key, deadline);
  });

  test('deadline: one 40 years ahead is kept as exactly as any', async (harness) => {
    const store = await harness.open();
    const clock = await harness.clock(store);
    const [key, value, deadline] = [newKey(), newValue(), Date.now() + DECADES_MS];
    assert.equal(await store.create(key, value, deadline), true);
    await pause(POLL_MS); // A timer of more than 2^31 ms would fire at once.
    assert.equal((await store.get(key))?.expiresAt, deadline);
    const soon = clock.now() + 1000;
    assert.equal(await store.replace(key, value.slice(0, 16), newValue(), soon), 'ok', 'and left to expire');
  });

  test('deadline: create rejects one that has passed, and stores nothing', async (harness) => {
    const store = await harness.open();
    const clock = await harness.clock(store);
    for (const ago of [10, 1000, 86_400_000]) {
      const key = newKey();
      const deadline = clock.now() - ago;
      await clock.passes(deadline);
      await mustReject(`create with a deadline ${ago} ms ago`, CALL_MS, () => store.create(key, newValue(), deadline));
      assert.equal(await store.get(key), undefined);
      assert.equal(await store.create(key, newValue(), farDeadline()), true, 'the key is free');
    }
    for (const deadline of [0, -1, -farDeadline()]) {
      await mustReject(`create with the deadline ${deadline}`, CALL_MS, () =>
        store.create(newKey(), newValue(), deadline),
      );
    }
  });

  test('deadline: create rejects a number that is not a safe integer, and stores nothing', async (harness) => {
    const store = await harness.open();
    for (const deadline of notIntegers()) {
      const key = newKey();
      await mustReject(`create with the deadline ${deadline}`, CALL_MS, () => store.create(key, newValue(), deadline));
      assert.equal(await store.get(key), undefined);
    }
  });

  test('deadline: replace rejects a number that is not a safe integer, and changes nothing', async (harness) => {
    const store = await harness.open();
    const [key, value, expiresAt] = [newKey(), newValue(), farDeadline()];
    await store.create(key, value, expiresAt);
    for (const deadline of notIntegers()) {
      await mustReject(`replace with the deadline ${deadline}`, CALL_MS, () =>
        store.replace(key, value.slice(0, 16), newValue(), deadline),
      );
      const entry = await store.get(key);
      assert.equal(entry?.value, value);
      assert.equal(entry?.expiresAt, expiresAt);
    }
  });
}

const notIntegers = (): number[] => [
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  farDeadline() + 0.5,
  Number.MAX_SAFE_INTEGER + 1,
  1e300,
];
