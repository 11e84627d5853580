/** What a store says of itself, and how it ends. */
import assert from 'node:assert/strict';
import type { StoreTest } from './bench.js';
import { outcomeOf } from './checked.js';
import { farDeadline, newKey, newValue, upTo } from './values.js';

/** The most a call may take when its store is closed, and a close. */
const END_MS = 3000;
const SKEW_MS = 60_000;

export function lifeTests(test: StoreTest): void {
  test('ping: resolves with a clock skew that is a number and under a minute', async (bench) => {
    const store = await bench.open();
    const { clockSkewMs } = await store.ping();
    assert.ok(Number.isFinite(clockSkewMs), `clockSkewMs is ${clockSkewMs}`);
    assert.ok(Math.abs(clockSkewMs) < SKEW_MS, `the clocks are ${clockSkewMs} ms apart`);
  });

  test('capabilities: are said in the words of the contract, and no sweep means native expiry', async (bench) => {
    const { capabilities, sweep } = await bench.open();
    assert.ok(['distributed', 'process'].includes(capabilities.atomic), `atomic: ${String(capabilities.atomic)}`);
    assert.equal(typeof capabilities.nativeExpiry, 'boolean', 'nativeExpiry');
    assert.equal(typeof capabilities.durable, 'boolean', 'durable');
    assert.ok([true, false, undefined].includes(capabilities.storesObjects), 'storesObjects');
    assert.ok(capabilities.nativeExpiry || sweep !== undefined, 'what does not expire by itself has to be swept');
  });

  test('close: entries outlive the client that wrote them', async (bench) => {
    const [one, two] = await bench.clients(2);
    const [key, value] = [newKey(), newValue()];
    await one.create(key, value, farDeadline());
    await one.close();
    assert.equal((await two?.get(key))?.value, value);
    await two?.close();
    assert.equal((await (await bench.open()).get(key))?.value, value, 'for a client that comes later, too');
  });

  test('close: other clients of the backend go on', async (bench) => {
    const [one, two, three] = await bench.clients(3);
    await one.close();
    await three?.close();
    const [key, value] = [newKey(), newValue()];
    assert.equal(await two?.create(key, value, farDeadline()), true);
    assert.equal(await two?.replace(key, value.slice(0, 16), newValue()), 'ok');
    await two?.ping();
  });

  test('close: twice, and twice at once, is as good as once', async (bench) => {
    const store = await bench.open();
    await store.ping();
    const outcomes = await Promise.all(upTo(2).map(() => outcomeOf('close', END_MS, () => store.close())));
    outcomes.push(await outcomeOf('a later close', END_MS, () => store.close()));
    for (const outcome of outcomes) assert.ok('answer' in outcome, 'close resolves');
    const unused = await outcomeOf('close', END_MS, async () => (await bench.open()).close());
    assert.ok('answer' in unused, 'so does the close of a store that was never used');
  });

  test('close: calls after it reject or tell the truth, and none hangs', async (bench) => {
    const [store, witness] = await bench.clients(2);
    const [key, value, next] = [newKey(), newValue(), newValue()];
    await store.create(key, value, farDeadline());
    await store.close();

    const read = await outcomeOf('get after close', END_MS, () => store.get(key));
    if ('answer' in read) assert.equal(read.answer?.value, value, 'get after close');
    const again = await outcomeOf('create after close', END_MS, () => store.create(key, newValue(), farDeadline()));
    if ('answer' in again) assert.equal(again.answer, false, 'create after close, where an entry is');
    const fresh = newKey();
    const created = await outcomeOf('create after close', END_MS, () => store.create(fresh, value, farDeadline()));
    if ('answer' in created) assert.equal(created.answer, true, 'create after close, where nothing is');
    assert.equal((await witness?.get(fresh))?.value, 'answer' in created ? value : undefined, 'what create told');
    const replaced = await outcomeOf('replace after close', END_MS, () => store.replace(key, value.slice(0, 16), next));
    if ('answer' in replaced) assert.equal(replaced.answer, 'ok', 'replace after close');
    assert.equal((await witness?.get(key))?.value, 'answer' in replaced ? next : value, 'what replace told');
    await outcomeOf('ping after close', END_MS, () => store.ping());
    if (store.sweep !== undefined) await outcomeOf('sweep after close', END_MS, async () => store.sweep?.(10));
  });

  test('close: calls in flight settle, and those that were told yes are done', async (bench) => {
    const [store, witness] = await bench.clients(2);
    await store.ping();
    const values = new Map(upTo(20).map(() => [newKey(), newValue()]));
    const calls = [...values].map(async ([key, value]) => {
      const outcome = await outcomeOf('create during close', END_MS, () => store.create(key, value, farDeadline()));
      return { key, value, outcome };
    });
    const closing = outcomeOf('close', END_MS, () => store.close());
    const [closed, created] = await Promise.all([closing, Promise.all(calls)]);
    assert.ok('answer' in closed, 'close resolves while calls are in flight');
    for (const { key, value, outcome } of created) {
      if ('answer' in outcome) assert.equal(outcome.answer, true, 'nothing was there');
      const there = (await witness?.get(key))?.value;
      // After a rejection the outcome of a write is unknown; after a yes it is not.
      if ('answer' in outcome || there !== undefined) assert.equal(there, value);
    }
  });
}
