/** The backend fails: every call says so, soon; and when it is back, so is the store, by itself. */
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import type { MailboxStore } from '../../relay/store/contract.js';
import type { Bench, StoreTest } from './bench.js';
import { mustReject, outcomeOf } from './checked.js';
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

/** A client in use and an entry on the backend; nothing for a backend that cannot fail. */
async function inUse(bench: Bench): Promise<Known | undefined> {
  const store = await bench.open();
  if (!bench.canFail(store)) return undefined;
  const [key, value] = [newKey(), newValue()];
  assert.equal(await store.create(key, value, farDeadline()), true);
  return { store, key, value };
}

/** Every call works again within the time; an entry of before is there if the store is durable. */
async function recovers({ store, key, value }: Known): Promise<void> {
  const end = performance.now() + RECOVERY_MS;
  async function works(what: string, call: () => Promise<boolean>): Promise<void> {
    for (;;) {
      const outcome = await outcomeOf(`${what} after the outage`, RECOVERY_MS, call);
      if ('answer' in outcome && outcome.answer) return;
      const why = 'error' in outcome ? String(outcome.error) : 'a wrong answer';
      assert.ok(performance.now() < end, `${what} does not work ${RECOVERY_MS} ms after the outage: ${why}`);
      await pause(50);
    }
  }
  await works('get', async () => {
    const entry = await store.get(key);
    if (store.capabilities.durable) assert.ok(entry !== undefined, 'what a durable store has put outlives an outage');
    if (entry !== undefined) assert.equal(entry.value, value, 'the value of before the outage');
    return true;
  });
  await works('ping', async () => Number.isFinite((await store.ping()).clockSkewMs));
  // After a rejection a write may have been made all the same: each attempt has a key of its own.
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
  test('outage: get rejects, and never says that nothing is there', async (bench) => {
    const known = await inUse(bench);
    if (known === undefined) return;
    const { store, key } = known;
    await bench.outage(async () => {
      await mustReject('get of an entry', OUTAGE_MS, () => store.get(key));
      await mustReject('get of nothing', OUTAGE_MS, () => store.get(newKey()));
    });
    await recovers(known);
  });

  test('outage: create rejects, and never says true or false', async (bench) => {
    const known = await inUse(bench);
    if (known === undefined) return;
    const { store, key } = known;
    await bench.outage(async () => {
      await mustReject('create where an entry is', OUTAGE_MS, () => store.create(key, newValue(), farDeadline()));
      await mustReject('create where nothing is', OUTAGE_MS, () => store.create(newKey(), newValue(), farDeadline()));
    });
    await recovers(known);
  });

  test('outage: replace rejects, and never says missing, conflict or ok', async (bench) => {
    const known = await inUse(bench);
    if (known === undefined) return;
    const { store, key } = known;
    await bench.outage(async () => {
      await mustReject('replace of another revision', OUTAGE_MS, () => store.replace(key, newRevision(), newValue()));
      await mustReject('replace of nothing', OUTAGE_MS, () => store.replace(newKey(), newRevision(), newValue()));
    });
    await recovers(known);
    const entry = await store.get(key);
    // The outcome of a replace that was rejected is unknown, so its key is one that nobody looks at again.
    const victim = { key: newKey(), value: newValue() };
    await store.create(victim.key, victim.value, farDeadline());
    await bench.outage(() =>
      mustReject('replace of the revision', OUTAGE_MS, () =>
        store.replace(victim.key, victim.value.slice(0, 16), newValue()),
      ),
    );
    await recovers({ store, key, value: String(entry?.value ?? known.value) });
  });

  test('outage: ping rejects', async (bench) => {
    const known = await inUse(bench);
    if (known === undefined) return;
    await bench.outage(async () => {
      await mustReject('ping', OUTAGE_MS, () => known.store.ping());
      await mustReject('ping', OUTAGE_MS, () => known.store.ping());
    });
    await recovers(known);
  });

  test('outage: sweep rejects, and never says that nothing has expired', async (bench) => {
    const known = await inUse(bench);
    if (known?.store.sweep === undefined) return;
    await bench.outage(() => mustReject('sweep', OUTAGE_MS, async () => known.store.sweep?.(10)));
    await recovers(known);
  });

  test('outage: 50 calls at once all reject', async (bench) => {
    const known = await inUse(bench);
    if (known === undefined) return;
    const { store, key } = known;
    await bench.outage(async () => {
      const blocks = await blocksThread(() => mustReject('get', OUTAGE_MS, () => store.get(key)));
      // Calls that block the thread wait for one another: of such a driver no more is asked than each by itself.
      const callers = upTo(blocks ? 1 : 50);
      await Promise.all(callers.map(() => mustReject('get, of 50 at once', OUTAGE_MS, () => store.get(key))));
    });
    await recovers(known);
  });

  test('outage: a client that made no call in it is none the worse', async (bench) => {
    const known = await inUse(bench);
    if (known === undefined) return;
    await Promise.all(upTo(20).map(() => known.store.get(known.key)));
    await bench.outage(() => pause(NOTICE_MS));
    await recovers(known);
  });

  test('outage: calls in flight settle, and those that were told yes are done', async (bench) => {
    const known = await inUse(bench);
    if (known === undefined) return;
    const { store } = known;
    const told: { readonly key: string; readonly value: string; readonly yes: boolean }[] = [];
    let done = false;
    async function call(): Promise<void> {
      while (!done) {
        const [key, value] = [newKey(), newValue()];
        const outcome = await outcomeOf('create', OUTAGE_MS, () => store.create(key, value, farDeadline()));
        if ('answer' in outcome) assert.equal(outcome.answer, true, 'nothing was there');
        told.push({ key, value, yes: 'answer' in outcome });
        await pause(5);
      }
    }
    async function fail(): Promise<void> {
      try {
        const end = performance.now() + OUTAGE_MS;
        while (!told.some(({ yes }) => yes) && performance.now() < end) await pause(5);
        await bench.outage(() => pause(NOTICE_MS));
      } finally {
        done = true;
      }
    }
    await Promise.all([fail(), ...upTo(4).map(call)]);
    await recovers(known);
    assert.ok(
      told.some(({ yes }) => yes),
      'some calls came before the outage',
    );
    if (!store.capabilities.durable) return;
    for (const { key, value, yes } of told) {
      const there = (await store.get(key))?.value;
      if (yes || there !== undefined) assert.equal(there, value, 'an acknowledged create is there after the outage');
    }
  });

  test('outage: a store opened in it rejects its calls, and works when the backend does', async (bench) => {
    const known = await inUse(bench);
    if (known === undefined) return;
    let late: MailboxStore | undefined;
    await bench.outage(async () => {
      const opening = await outcomeOf('open', OUTAGE_MS, () => bench.open());
      if ('error' in opening) return; // Said at once, if the fixture connects first.
      late = opening.answer;
      const store = opening.answer;
      await mustReject('get', OUTAGE_MS, () => store.get(known.key));
      await mustReject('ping', OUTAGE_MS, () => store.ping());
    });
    await recovers({ ...known, store: late ?? (await bench.open()) });
  });
}
