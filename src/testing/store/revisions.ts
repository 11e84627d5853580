/** The call `revision`, where a store has it: what `get` would tell, and no word of its own. */
import assert from 'node:assert/strict';
import type { StoreTest } from './bench.js';
import { mustReject } from './checked.js';
import { inTime } from './clock.js';
import { farDeadline, newKey, newValue } from './values.js';

/** The most a call may take to say that the backend fails. */
const OUTAGE_MS = 3000;

export function revisionTests(test: StoreTest): void {
  test('told revision: that of the entry as it is, whichever client wrote it', async (bench) => {
    const [one, two] = await bench.clients(2);
    if (one.revision === undefined) return;
    const [key, first, second] = [newKey(), newValue(), newValue('long'.repeat(20_000))];
    assert.equal(await one.revision(key), undefined, 'nothing is there');
    await one.create(key, first, farDeadline());
    assert.equal(await one.revision(key), first.slice(0, 16));
    assert.equal(await two?.replace(key, first.slice(0, 16), second), 'ok');
    assert.equal(await one.revision(key), second.slice(0, 16), 'another client has replaced the entry');
    assert.equal(await one.revision(key), (await one.get(key))?.revision, 'get tells the same');
  });

  test('told revision: none from the deadline on', async (bench) => {
    const store = await bench.open();
    if (store.revision === undefined) return;
    const clock = await bench.clock(store);
    const { key, deadline } = await inTime(clock, (key, deadline) => store.create(key, newValue(), deadline));
    await clock.passes(deadline);
    assert.equal(await store.revision(key), undefined, 'the entry has expired');
  });

  test('told revision: an outage rejects', async (bench) => {
    const store = await bench.open();
    if (store.revision === undefined || !bench.canFail(store)) return;
    const key = newKey();
    await store.create(key, newValue(), farDeadline());
    await store.revision(key);
    await bench.outage(() => mustReject('revision', OUTAGE_MS, async () => store.revision?.(key)));
  });
}
