/** The optional call `revision`: it must agree with `get`. */
import assert from 'node:assert/strict';
import { mustReject } from './checked.js';
import { inTime } from './clock.js';
import type { StoreTest } from './harness.js';
import { farDeadline, newKey, newValue } from './values.js';

/** The most a call may take to say that the backend fails. */
const OUTAGE_MS = 3000;

export function revisionTests(test: StoreTest): void {
  test('revision(): gives every client the current revision of the entry', async (harness) => {
    const [one, two] = await harness.clients(2);
    if (one.revision === undefined) return;
    const [key, first, second] = [newKey(), newValue(), newValue('long'.repeat(20_000))];
    assert.equal(await one.revision(key), undefined, 'nothing is there');
    await one.create(key, first, farDeadline());
    assert.equal(await one.revision(key), first.slice(0, 16));
    assert.equal(await two?.replace(key, first.slice(0, 16), second), 'ok');
    assert.equal(await one.revision(key), second.slice(0, 16), 'another client has replaced the entry');
    assert.equal(await one.revision(key), (await one.get(key))?.revision, 'as get gives it');
  });

  test('revision(): gives undefined from the deadline on', async (harness) => {
    const store = await harness.open();
    if (store.revision === undefined) return;
    const clock = await harness.clock(store);
    const { key, deadline } = await inTime(clock, (key, deadline) => store.create(key, newValue(), deadline));
    await clock.passes(deadline);
    assert.equal(await store.revision(key), undefined, 'the entry has expired');
  });

  test('revision(): rejects in an outage', async (harness) => {
    const store = await harness.open();
    if (store.revision === undefined || !harness.canFail(store)) return;
    const key = newKey();
    await store.create(key, newValue(), farDeadline());
    await store.revision(key);
    await harness.outage(() => mustReject('revision', OUTAGE_MS, async () => store.revision?.(key)));
  });
}
