/** Outages of the backend: every call rejects soon, and the store recovers by itself. */
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import type { MailboxStore } from '../../relay/store/contract.js';
import { mustReject, settle } from './checked.js';
import type { StoreHarness, StoreTest } from './harness.js';
import { farDeadline, newKey, newRevision, newValue, upTo } from './values.js';

/** The most a call may take to say that the backend fails. */
const OUTAGE_MS = 3000;
/** The most a store may take to work again after the backend does. */
const RECOVERY_MS = 5000;
/** Time for a lost connection to be noticed while no call is made. */
const NOTICE_MS = 200;

interface Known {
  readonly store: MailboxStore;
  readonly key: string;
  readonly value: string;
}

/** A client in use and an entry on the backend; `undefined` for a backend that cannot fail. */
async function inUse(harness: StoreHarness): Promise<Known | undefined> {
  const store = await harness.open();
  if (!harness.canFail(store)) return undefined;
  const [key, value] = [newKey(), newValue()];
  assert.equal(await store.create(key, value, farDeadline()), true);
  return { store, key, value };
}

/** Asserts that every call works again in time. A durable store must still have the entry from before. */
async function recovers({ store, key, value }: Known): Promise<void> {
  const end = performance.now() + RECOVERY_MS;
  async function works(what: string, call: () => Promise<boolean>): Promise<void> {
    for (;;) {
      const outcome = await settle(`${what} after the outage`, RECOVERY_MS, call);
      if ('answer' in outcome && outcome.answer) return;
      const why = 'error' in outcome ? String(outcome.error) : 'a wrong answer';
      assert.ok(performance.now() < end, `${what} does not work ${RECOVERY_MS} ms after the outage: ${why}`);
      await pause(50);
    }
  }
  await works('get', async () => {
    const entry = await store.get(key);
    if (store.capabilities.durable) assert.ok(entry !== undefined, 'an entry of a durable store outlives an outage');
    if (entry !== undefined) assert.equal(entry.value, value, 'the value of before the outage');
    return true;
  });
  await works('ping', async () => Number.isFinite((await store.ping()).clockSkewMs));
  // A rejected write may have been carried out, so each attempt has a fresh key.
  await works('create and replace', async () => {
    const [fresh, first, second] = [newKey(), newValue(), newValue()];
    assert.equal(await store.create(fresh, first, farDeadline()), true);
    assert.equal(await store.replace(fresh, first.slice(0, 16), second), 'ok');
    return (await store.get(fresh))?.value === second;
  });
  await works('50 calls at once', async () => {
    await Promise.all(upTo(50).map(() => store.get(key)));
    return true;
  });
}

/** Whether timers stand still during a call, as with a driver that is not asynchronous. */
async function blocksThread(call: () => Promise<void>): Promise<boolean> {
  let ticks = 0;
  const started = performance.now();
  const timer = setInterval(() => {
    ticks += 1;
  }, 10);
  try {
    await call();
  } finally {
    clearInterval(timer);
  }
  const took = performance.now() - started;
  return took > 200 && ticks < took / 100;
}

export function outageTests(test: StoreTest): void {
  test('outage: get rejects, and never says that nothing is there', async (harness) => {
    const known = await inUse(harness);
    if (known === undefined) return;
    const { store, key } = known;
    await harness.outage(async () => {
      await mustReject('get of an entry', OUTAGE_MS, () => store.get(key));
      await mustReject('get of nothing', OUTAGE_MS, () => store.get(newKey()));
    });
    await recovers(known);
  });

  test('outage: create rejects, and never says true or false', async (harness) => {
    const known = await inUse(harness);
    if (known === undefined) return;
    const { store, key } = known;
    await harness.outage(async () => {
      await mustReject('create where an entry is', OUTAGE_MS, () => store.create(key, newValue(), farDeadline()));
      await mustReject('create where nothing is', OUTAGE_MS, () => store.create(newKey(), newValue(), farDeadline()));
    });
    await recovers(known);
  });

  test('outage: replace rejects, and never says missing, conflict or ok', async (harness) => {
    const known = await inUse(harness);
    if (known === undefined) return;
    const { store, key } = known;
    await harness.outage(async () => {
      await mustReject('replace of another revision', OUTAGE_MS, () => store.replace(key, newRevision(), newValue()));
      await mustReject('replace of nothing', OUTAGE_MS, () => store.replace(newKey(), newRevision(), newValue()));
    });
    await recovers(known);
    const entry = await store.get(key);
    // The outcome of a rejected replace is unknown, so its key is not used again.
    const victim = { key: newKey(), value: newValue() };
    await store.create(victim.key, victim.value, farDeadline());
    await harness.outage(() =>
      mustReject('replace of the revision', OUTAGE_MS, () =>
        store.replace(victim.key, victim.value.slice(0, 16), newValue()),
      ),
    );
    await recovers({ store, key, value: String(entry?.value ?? known.value) });
  });

  test('outage: ping rejects', async (harness) => {
    const known = await inUse(harness);
    if (known === undefined) return;
    await harness.outage(async () => {
      await mustReject('ping', OUTAGE_MS, () => known.store.ping());
      await mustReject('ping', OUTAGE_MS, () => known.store.ping());
    });
    await recovers(known);
  });

  test('outage: sweep rejects, and never says that nothing has expired', async (harness) => {
    const known = await inUse(harness);
    if (known?.store.sweep === undefined) return;
    await harness.outage(() => mustReject('sweep', OUTAGE_MS, async () => known.store.sweep?.(10)));
    await recovers(known);
  });

  test('outage: 50 calls at once all reject', async (harness) => {
    const known = await inUse(harness);
    if (known === undefined) return;
    const { store, key } = known;
    await harness.outage(async () => {
      const blocks = await blocksThread(() => mustReject('get', OUTAGE_MS, () => store.get(key)));
      // Calls that block the thread run one after another, so test a blocking driver with one call.
      const callers = upTo(blocks ? 1 : 50);
      await Promise.all(callers.map(() => mustReject('get, of 50 at once', OUTAGE_MS, () => store.get(key))));
    });
    await recovers(known);
  });

  test('outage: a client that made no call during it works afterwards', async (harness) => {
    const known = await inUse(harness);
    if (known === undefined) return;
    await Promise.all(upTo(20).map(() => known.store.get(known.key)));
    await harness.outage(() => pause(NOTICE_MS));
    await recovers(known);
  });

  test('outage: calls in flight settle, and acknowledged ones are carried out', async (harness) => {
    const known = await inUse(harness);
    if (known === undefined) return;
    const { store } = known;
    const calls: { readonly key: string; readonly value: string; readonly yes: boolean }[] = [];
    let done = false;
    async function call(): Promise<void> {
      while (!done) {
        const [key, value] = [newKey(), newValue()];
        const outcome = await settle('create', OUTAGE_MS, () => store.create(key, value, farDeadline()));
        if ('answer' in outcome) assert.equal(outcome.answer, true, 'nothing was there');
        calls.push({ key, value, yes: 'answer' in outcome });
        await pause(5);
      }
    }
    async function fail(): Promise<void> {
      try {
        const end = performance.now() + OUTAGE_MS;
        while (!calls.some(({ yes }) => yes) && performance.now() < end) await pause(5);
        await harness.outage(() => pause(NOTICE_MS));
      } finally {
        done = true;
      }
    }
    await Promise.all([fail(), ...upTo(4).map(call)]);
    await recovers(known);
    assert.ok(
      calls.some(({ yes }) => yes),
      'some calls came before the outage',
    );
    if (!store.capabilities.durable) return;
    for (const { key, value, yes } of calls) {
      const there = (await store.get(key))?.value;
      if (yes || there !== undefined) assert.equal(there, value, 'an acknowledged create is there after the outage');
    }
  });

  test('outage: a store opened during it rejects its calls, and works once the backend works', async (harness) => {
    const known = await inUse(harness);
    if (known === undefined) return;
    let late: MailboxStore | undefined;
    await harness.outage(async () => {
      const opening = await settle('open', OUTAGE_MS, () => harness.open());
      if ('error' in opening) return; // A fixture that connects first rejects at once.
      late = opening.answer;
      const store = opening.answer;
      await mustReject('get', OUTAGE_MS, () => store.get(known.key));
      await mustReject('ping', OUTAGE_MS, () => store.ping());
    });
    await recovers({ ...known, store: late ?? (await harness.open()) });
  });
}
