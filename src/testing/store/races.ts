/** Races of many callers from several clients: exactly one succeeds, and no write is lost. */
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import type { MailboxStore } from '../../relay/store/contract.js';
import { inTime } from './clock.js';
import type { StoreTest } from './harness.js';
import { farDeadline, newKey, newRevision, newValue, upTo } from './values.js';

const CLIENTS = 4;
const CALLERS = 50;
const ROUNDS = 4;
const INCREMENTS = 200;
const LATE_MS = 2000;

type Clients = readonly [MailboxStore, ...MailboxStore[]];

/** The answers of 50 concurrent callers, spread over the clients, each with its own value. */
function atOnce<Answer>(clients: Clients, call: (store: MailboxStore, value: string) => Promise<Answer>) {
  return Promise.all(
    upTo(CALLERS).map(async (index) => {
      const value = newValue(String(index));
      return { value, answer: await call(clients[index % clients.length] ?? clients[0], value) };
    }),
  );
}

async function oneCreates(clients: Clients, key: string): Promise<void> {
  const calls = await atOnce(clients, (store, value) => store.create(key, value, farDeadline()));
  const winners = calls.filter(({ answer }) => answer);
  assert.equal(winners.length, 1, `${winners.length} of ${CALLERS} callers at once created it`);
  for (const store of clients) assert.equal((await store.get(key))?.value, winners[0]?.value, 'the winner’s value');
}

export function raceTests(test: StoreTest): void {
  test('race: of 50 creates at once, from 4 clients, exactly one gets true', async (harness) => {
    const clients = await harness.clients(CLIENTS);
    for (let round = 0; round < ROUNDS; round += 1) await oneCreates(clients, newKey());
  });

  test('race: of 50 creates at once over an expired entry exactly one gets true', async (harness) => {
    const clients = await harness.clients(CLIENTS);
    const clock = await harness.clock(clients[0]);
    const { key, deadline } = await inTime(clock, (key, deadline) => clients[0].create(key, newValue(), deadline));
    await clock.passes(deadline);
    await oneCreates(clients, key);
  });

  test('race: of 50 replaces of one revision exactly one gets ok, the rest conflict', async (harness) => {
    const clients = await harness.clients(CLIENTS);
    for (let round = 0; round < ROUNDS; round += 1) {
      const [key, first] = [newKey(), newValue()];
      await clients[0].create(key, first, farDeadline());
      const calls = await atOnce(clients, (store, value) => store.replace(key, first.slice(0, 16), value));
      const winners = calls.filter(({ answer }) => answer === 'ok');
      assert.equal(winners.length, 1, `${winners.length} of ${CALLERS} callers at once got ok`);
      assert.equal(calls.filter(({ answer }) => answer === 'conflict').length, CALLERS - 1, 'the rest are conflicts');
      for (const store of clients) assert.equal((await store.get(key))?.value, winners[0]?.value, 'the winner’s value');
    }
  });

  test('race: 200 increments by compare-and-set from 4 clients lose none', async (harness) => {
    const clients = await harness.clients(CLIENTS);
    const key = newKey();
    await clients[0].create(key, newValue('0'), farDeadline());
    const reached: number[] = [];
    async function increment(store: MailboxStore): Promise<void> {
      // A conflict means that another increment succeeded, so there are at most as many as increments.
      for (let tries = 0; tries <= INCREMENTS; tries += 1) {
        const entry = await store.get(key);
        assert.ok(entry !== undefined && typeof entry.value === 'string', 'the counter is there');
        const next = Number(entry.value.slice(17)) + 1;
        const answer = await store.replace(key, entry.revision, newValue(String(next)));
        if (answer === 'ok') return void reached.push(next);
        assert.equal(answer, 'conflict');
        await pause(Math.random() * 3); // Retries at the same moment would lose again.
      }
      assert.fail('conflicts without end, and nobody wins');
    }
    await Promise.all(
      clients.map(async (store) => {
        for (let count = 0; count < INCREMENTS / CLIENTS; count += 1) await increment(store);
      }),
    );
    assert.deepEqual(
      reached.sort((one, two) => one - two),
      upTo(INCREMENTS).map((count) => count + 1),
    );
    const value = (await clients[0].get(key))?.value;
    assert.equal(String(value).slice(17), String(INCREMENTS));
  });

  test('race: creates against the deadline: none succeeds before it, exactly one after', async (harness) => {
    const clients = await harness.clients(CLIENTS);
    const clock = await harness.clock(clients[0]);
    const { key, deadline } = await inTime(clock, (key, deadline) => clients[0].create(key, newValue(), deadline));
    const winners: string[] = [];
    await Promise.all(
      clients.map(async (store) => {
        for (let over = false; !over; await pause(1)) {
          over = clock.isAfter(deadline + LATE_MS) || winners.length > 0;
          const value = newValue();
          if (!(await store.create(key, value, farDeadline()))) continue;
          assert.ok(!clock.isBefore(deadline), `created ${deadline - clock.now()} ms before the deadline of the old`);
          winners.push(value);
        }
      }),
    );
    assert.equal(winners.length, 1, `${winners.length} creates succeeded`);
    assert.equal((await clients[0].get(key))?.value, winners[0]);
  });

  test('race: replaces against the deadline: ok before it, missing ever after', async (harness) => {
    const store = await harness.open();
    const clock = await harness.clock(store);
    let value = '';
    const { key, deadline } = await inTime(clock, async (key, deadline) => {
      const first = newValue();
      value = newValue();
      await store.create(key, first, deadline);
      assert.equal(await store.replace(key, first.slice(0, 16), value), 'ok');
    });
    for (;;) {
      const [next, due] = [newValue(), clock.isAfter(deadline)];
      const answer = await store.replace(key, value.slice(0, 16), next);
      if (clock.isBefore(deadline)) assert.equal(answer, 'ok', 'before the deadline');
      if (due) assert.equal(answer, 'missing', `${clock.now() - deadline} ms past the deadline`);
      if (answer === 'missing') break;
      value = next;
      await pause(1);
    }
    assert.equal(await store.replace(key, value.slice(0, 16), newValue()), 'missing');
    assert.equal(await store.get(key), undefined);
  });

  test('race: reads during replaces see one whole value or another', async (harness) => {
    const [writer, ...readers] = await harness.clients(CLIENTS);
    const [key, written] = [newKey(), new Set<string>()];
    const whole = (): string => {
      const revision = newRevision();
      const value = `${revision}.${revision.repeat(500)}`;
      written.add(value);
      return value;
    };
    let value = whole();
    await writer.create(key, value, farDeadline());
    let done = false;
    async function read(store: MailboxStore): Promise<void> {
      while (!done) {
        const entry = await store.get(key);
        assert.ok(entry !== undefined, 'a live entry is there at any time');
        assert.ok(written.has(String(entry.value)), 'a value that was written');
        await pause(1);
      }
    }
    async function write(): Promise<void> {
      try {
        for (let count = 0; count < 50; count += 1) {
          const next = whole();
          assert.equal(await writer.replace(key, value.slice(0, 16), next), 'ok');
          value = next;
        }
      } finally {
        done = true;
      }
    }
    await Promise.all([write(), ...readers.map(read)]);
  });
}
