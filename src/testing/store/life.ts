/** Capabilities, ping and close. */
import assert from 'node:assert/strict';
import { settle } from './checked.js';
import type { StoreTest } from './harness.js';
import { farDeadline, newKey, newValue, upTo } from './values.js';

/** The most a call may take when its store is closed, and a close. */
const END_MS = 3000;
const SKEW_MS = 60_000;

export function lifeTests(test: StoreTest): void {
  test('ping: resolves with a clock skew that is a number and under a minute', async (harness) => {
    const store = await harness.open();
    const { clockSkewMs } = await store.ping();
    assert.ok(Number.isFinite(clockSkewMs), `clockSkewMs is ${clockSkewMs}`);
    assert.ok(Math.abs(clockSkewMs) < SKEW_MS, `the clocks are ${clockSkewMs} ms apart`);
  });

  test('ping with a key: resolves, also at the same time, and neither leaves nor erases an entry', async (harness) => {
    const [one, two] = await harness.clients(2);
    const key = `${newKey()}:ping`;
    await Promise.all(upTo(6).map((count) => (count % 2 === 0 ? one : (two ?? one)).ping(key)));
    assert.equal(await one.get(key), undefined, 'no entry is left under the key of the ping');
    assert.equal(await one.create(key, newValue(), farDeadline()), true, 'so the key can be created');
    await one.ping(key);
    assert.notEqual(await one.get(key), undefined, 'a ping erases no entry');
  });

  test('capabilities: have the values of the contract, and a store without sweep has native expiry', async (harness) => {
    const { capabilities, sweep } = await harness.open();
    assert.ok(['distributed', 'process'].includes(capabilities.atomic), `atomic: ${String(capabilities.atomic)}`);
    assert.equal(typeof capabilities.nativeExpiry, 'boolean', 'nativeExpiry');
    assert.equal(typeof capabilities.durable, 'boolean', 'durable');
    assert.ok([true, false, undefined].includes(capabilities.storesObjects), 'storesObjects');
    assert.ok(capabilities.nativeExpiry || sweep !== undefined, 'a store without native expiry has sweep');
  });

  test('close: entries outlive the client that wrote them', async (harness) => {
    const [one, two] = await harness.clients(2);
    const [key, value] = [newKey(), newValue()];
    await one.create(key, value, farDeadline());
    await one.close();
    assert.equal((await two?.get(key))?.value, value);
    await two?.close();
    assert.equal((await (await harness.open()).get(key))?.value, value, 'for a client that comes later, too');
  });

  test('close: other clients of the backend keep working', async (harness) => {
    const [one, two, three] = await harness.clients(3);
    await one.close();
    await three?.close();
    const [key, value] = [newKey(), newValue()];
    assert.equal(await two?.create(key, value, farDeadline()), true);
    assert.equal(await two?.replace(key, value.slice(0, 16), newValue()), 'ok');
    await two?.ping();
  });

  test('close: may be called twice, also at the same time', async (harness) => {
    const store = await harness.open();
    await store.ping();
    const outcomes = await Promise.all(upTo(2).map(() => settle('close', END_MS, () => store.close())));
    outcomes.push(await settle('a later close', END_MS, () => store.close()));
    for (const outcome of outcomes) assert.ok('answer' in outcome, 'close resolves');
    const unused = await settle('close', END_MS, async () => (await harness.open()).close());
    assert.ok('answer' in unused, 'so does the close of a store that was never used');
  });

  test('close: calls after it reject or answer correctly, and do not hang', async (harness) => {
    const [store, witness] = await harness.clients(2);
    const [key, value, next] = [newKey(), newValue(), newValue()];
    await store.create(key, value, farDeadline());
    await store.close();

    const read = await settle('get after close', END_MS, () => store.get(key));
    if ('answer' in read) assert.equal(read.answer?.value, value, 'get after close');
    const again = await settle('create after close', END_MS, () => store.create(key, newValue(), farDeadline()));
    if ('answer' in again) assert.equal(again.answer, false, 'create after close, where an entry is');
    const fresh = newKey();
    const created = await settle('create after close', END_MS, () => store.create(fresh, value, farDeadline()));
    if ('answer' in created) assert.equal(created.answer, true, 'create after close, where nothing is');
    assert.equal((await witness?.get(fresh))?.value, 'answer' in created ? value : undefined, 'as create answered');
    const replaced = await settle('replace after close', END_MS, () => store.replace(key, value.slice(0, 16), next));
    if ('answer' in replaced) assert.equal(replaced.answer, 'ok', 'replace after close');
    assert.equal((await witness?.get(key))?.value, 'answer' in replaced ? next : value, 'as replace answered');
    await settle('ping after close', END_MS, () => store.ping());
    if (store.sweep !== undefined) await settle('sweep after close', END_MS, async () => store.sweep?.(10));
  });

  test('close: calls in flight settle, and acknowledged ones are carried out', async (harness) => {
    const [store, witness] = await harness.clients(2);
    await store.ping();
    const values = new Map(upTo(20).map(() => [newKey(), newValue()]));
    const calls = [...values].map(async ([key, value]) => {
      const outcome = await settle('create during close', END_MS, () => store.create(key, value, farDeadline()));
      return { key, value, outcome };
    });
    const closing = settle('close', END_MS, () => store.close());
    const [closed, created] = await Promise.all([closing, Promise.all(calls)]);
    assert.ok('answer' in closed, 'close resolves while calls are in flight');
    for (const { key, value, outcome } of created) {
      if ('answer' in outcome) assert.equal(outcome.answer, true, 'nothing was there');
      const there = (await witness?.get(key))?.value;
      // The outcome of a rejected write is unknown; an acknowledged write is carried out.
      if ('answer' in outcome || there !== undefined) assert.equal(there, value);
    }
  });
}
