import { randomBytes } from 'node:crypto';
import type { ChangeBus, ChangeListener, MailboxStore, RelayEvent } from 'credential-relay';
import { memoryStore } from 'credential-relay/adapters/store/memory';
import { afterEach, describe, expect, it } from 'vitest';
import { type Answer, type Device, device, sharedMailbox, testRelay } from '../../support/relay/relay.js';
import { troubledStore } from '../../support/store/stores.js';

/* Outages of the store and of its change notifications, during held reads. */

const POLL_MS = 100;
/** A period with its jitter of a tenth, plus a margin for two busy processors. */
const WITHIN_PERIOD_MS = POLL_MS * 1.1 + 150;

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

function open(options: Parameters<typeof testRelay>[0]) {
  const relay = testRelay(options);
  closing.push(() => relay.close());
  return relay;
}

const waitFor = (version: string, seconds = 30) => ({
  headers: { Prefer: `wait=${seconds}`, 'Mailbox-Known-Version': version },
});
const versionOf = ({ headers }: Answer): string => headers.get('Mailbox-Version') ?? '';
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A memory store without change notifications, with a log of its calls. */
function deafStore() {
  const asked: string[] = [];
  const trouble = { fails: false };
  const { changes: _, ...store } = troubledStore((call) => {
    asked.push(call);
    if (trouble.fails) throw new Error('ECONNREFUSED');
  });
  const gets = (): number => asked.filter((call) => call === 'get').length;
  return { store, gets, inner: store.inner, trouble };
}

/** Resolves to the answer and its time in ms. */
async function timed(answer: Promise<Answer>): Promise<{ answer: Answer; ms: number }> {
  const started = performance.now();
  return { answer: await answer, ms: performance.now() - started };
}

async function heldBy(relay: ReturnType<typeof testRelay>, count: number): Promise<void> {
  while (relay.stats().waiters !== count) await new Promise(setImmediate);
  await pause(20); // The immediate part of the reads is complete.
}

describe('a relay without change notifications', () => {
  it('finds a change by another relay within the poll period', async () => {
    const { store, inner } = deafStore();
    const { changes: _, ...unheard } = inner;
    const [here, there] = [open({ store, longPoll: { pollMs: POLL_MS } }), open({ store: unheard })];
    const { sender, url, created } = await sharedMailbox(there);
    const waiting = device(here, sender.claim).read(url, waitFor(versionOf(created)));
    await heldBy(here, 1);
    const update = await sender.update(url);
    const { answer, ms } = await timed(waiting);
    expect([answer.status, versionOf(answer)]).toEqual([200, versionOf(update)]);
    expect(ms).toBeLessThan(WITHIN_PERIOD_MS);
  });

  it('finds a change at once over the bus of a shared memory store', async () => {
    const backing = new Map();
    const [here, there] = [open({ store: backing, longPoll: { pollMs: 600_000 } }), open({ store: backing })];
    const { sender, url, created } = await sharedMailbox(there);
    const waiting = device(here, sender.claim).read(url, waitFor(versionOf(created)));
    await heldBy(here, 1);
    await sender.update(url);
    const { answer, ms } = await timed(waiting);
    expect(answer.status).toBe(200);
    expect(ms).toBeLessThan(50);
  });

  it('polls each mailbox once per period for all its waiters, and not without waiters', async () => {
    const { store, gets } = deafStore();
    const relay = open({ store, longPoll: { pollMs: POLL_MS } });
    const { sender, url } = await sharedMailbox(relay);
    const receiver = device(relay);
    const version = versionOf(await receiver.read(url));
    const waits = [sender, receiver].map((each: Device) => each.read(url, waitFor(version, 2)));
    await heldBy(relay, 2);
    const before = gets();
    await pause(10 * POLL_MS);
    const looks = gets() - before;
    expect(looks).toBeGreaterThanOrEqual(7);
    expect(looks).toBeLessThanOrEqual(12);
    expect((await Promise.all(waits)).map(({ status }) => status)).toEqual([204, 204]);
    const after = gets();
    await pause(3 * POLL_MS);
    expect(gets()).toBe(after);
  });

  it('finds that a mailbox has expired by its clock, also after a jump of the clock', async () => {
    let now = Date.now();
    const clock = () => now;
    const store = memoryStore(new Map(), { clock });
    const relay = open({ store, clock, longPoll: { pollMs: POLL_MS } });
    const { sender, url, created } = await sharedMailbox(relay);
    const waiting = sender.read(url, waitFor(versionOf(created)));
    await heldBy(relay, 1);
    now += 2 * 3600_000;
    const { answer, ms } = await timed(waiting);
    expect([answer.status, answer.json.code]).toEqual([404, 'mailbox_not_found']);
    expect(ms).toBeLessThan(WITHIN_PERIOD_MS);
  });

  it('continues a long poll if a timer ends before the clock time, and ends it in time', async () => {
    // The clock stands still 30 ms before the mailbox expires.
    let now = Date.now();
    const clock = () => now;
    const relay = open({ store: memoryStore(new Map(), { clock }), clock });
    const { sender, url, created } = await sharedMailbox(relay);
    now = Date.parse((await sender.read(url)).json.expiration) - 30;
    const { answer, ms } = await timed(sender.read(url, waitFor(versionOf(created), 1)));
    expect(answer.status).toBe(204);
    expect(ms).toBeGreaterThan(990);
  });
});

describe('a store that fails while a read is held', () => {
  it('causes a 503 for a waiter that must read again', async () => {
    const { store, trouble } = deafStore();
    const listeners: ChangeListener[] = [];
    const changes: ChangeBus = {
      subscribe(listener) {
        listeners.push(listener);
        return async () => {};
      },
    };
    const keys: string[] = [];
    const create: MailboxStore['create'] = (key, ...rest) => {
      keys.push(key);
      return store.create(key, ...rest);
    };
    const relay = open({ store: { ...store, create, changes } });
    const { sender, url, created } = await sharedMailbox(relay);
    const waiting = sender.read(url, waitFor(versionOf(created)));
    await heldBy(relay, 1);
    trouble.fails = true;
    listeners[0]?.changed(keys[0] ?? '');
    const answer = await waiting;
    expect([answer.status, answer.json.code]).toEqual([503, 'store_unavailable']);
    expect(answer.headers.get('Retry-After')).toMatch(/^\d+$/);
    expect(relay.stats().waiters).toBe(0);
  });

  it('wakes no waiter, and the relay finds a change within the period after the recovery', async () => {
    const { store, inner, trouble } = deafStore();
    const { changes: _, ...unheard } = inner;
    const failures: RelayEvent[] = [];
    const here = open({ store, longPoll: { pollMs: POLL_MS } });
    here.on('store.failed', (event) => void failures.push({ ...event }));
    const there = open({ store: unheard });
    const { sender, url, created } = await sharedMailbox(there);
    const waiting = device(here, sender.claim).read(url, waitFor(versionOf(created)));
    await heldBy(here, 1);
    trouble.fails = true;
    await sender.update(url);
    while (failures.length < 3) await pause(5);
    expect(here.stats().waiters).toBe(1);
    trouble.fails = false;
    const { answer, ms } = await timed(waiting);
    expect(answer.status).toBe(200);
    expect(ms).toBeLessThan(WITHIN_PERIOD_MS);
  });
});

describe('possibly lost notifications', () => {
  const MAILBOXES = 1_000;

  /** A relay with many mailboxes and waiting senders, on a store whose changes send no notification. */
  async function manyWait() {
    let underWay = 0;
    const trouble = { fails: false };
    const figures = { gets: 0, most: 0 };
    const inner = memoryStore();
    // Without `revision`, the poller uses `get`.
    const { changes: _, revision: __, ...silent } = inner;
    const get: MailboxStore['get'] = async (key) => {
      figures.gets += 1;
      underWay += 1;
      figures.most = Math.max(figures.most, underWay);
      await new Promise(setImmediate);
      underWay -= 1;
      if (trouble.fails) throw new Error('ECONNREFUSED');
      return inner.get(key);
    };
    let missed: () => void = () => {};
    const changes: MailboxStore['changes'] = {
      subscribe(listener) {
        missed = listener.resync;
        return async () => {};
      },
    };
    const keys = [randomBytes(32)];
    const relay = open({ store: { ...silent, get, changes }, keys });
    const other = open({ store: silent, keys });
    const shared = await Promise.all(Array.from({ length: MAILBOXES }, () => sharedMailbox(other)));
    const waits = shared.map(({ sender, url, created }) =>
      device(relay, sender.claim).read(url, waitFor(versionOf(created))),
    );
    await heldBy(relay, MAILBOXES);
    Object.assign(figures, { gets: 0, most: 0 });
    return { relay, shared, waits, figures, missed: () => missed(), trouble };
  }

  it('cause one poll per mailbox, some at a time, and wake only waiters whose mailbox changed', async () => {
    const { relay, shared, waits, figures, missed } = await manyWait();
    await Promise.all(shared.slice(0, 10).map(({ sender, url }) => sender.update(url)));
    missed();
    const changed = await Promise.all(waits.slice(0, 10));
    expect(changed.map(({ status }) => status)).toEqual(Array(10).fill(200));
    while (figures.gets < MAILBOXES + 10) await pause(1);
    await pause(50);
    expect(figures.gets).toBe(MAILBOXES + 10);
    expect(figures.most).toBeLessThanOrEqual(74);
    expect(relay.stats().waiters).toBe(MAILBOXES - 10);
  });

  it('cause no 503 if the store fails at that moment', async () => {
    const { relay, figures, missed, trouble } = await manyWait();
    trouble.fails = true;
    missed();
    while (figures.gets < MAILBOXES) await pause(1);
    await pause(50);
    expect(relay.stats().waiters).toBe(MAILBOXES);
  });
});
