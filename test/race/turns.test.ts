import type { RelayEvent } from 'credential-relay';
import { describe, expect, it } from 'vitest';
import { createEvents } from '../../src/relay/events.js';
import { guardStore, startBudget } from '../../src/relay/store/guarded-store.js';
import { createBody, device, sharedMailbox, somePayload, testRelay } from '../support/relay/relay.js';
import { troubledStore } from '../support/store/stores.js';

/* Who waits for whom at one mailbox: strangers with its URL can hold up neither of its devices. */

/** A promise that the test settles. */
function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

/** A relay whose store counts its calls and lets `replace` through one gate, once there is one. */
function relayWithSlowWrites(options: object = {}) {
  const calls: string[] = [];
  const events: RelayEvent[] = [];
  const slow: { replace?: Promise<void> } = {};
  const store = troubledStore((call) => {
    calls.push(call);
    return call === 'replace' ? slow.replace : undefined;
  });
  const relay = testRelay({ store, onEvent: (event) => events.push(event), ...options });
  return { relay, calls, events, slow };
}

/** A mailbox whose devices are both bound, and an update of its sender that is being written. */
async function writing(options: object = {}) {
  const setup = relayWithSlowWrites(options);
  const { relay, calls, slow } = setup;
  const { sender, url } = await sharedMailbox(relay);
  const receiver = device(relay);
  await receiver.read(url);
  const written = gate();
  slow.replace = written.opened;
  const seen = calls.length;
  const update = sender.update(url);
  while (!calls.slice(seen).includes('replace')) await new Promise(setImmediate);
  return { ...setup, sender, receiver, url, update, written };
}

describe('while one device writes', () => {
  it('a third device gets 401 and the other device reads without queueing', async () => {
    const { relay, receiver, sender, url, update, written } = await writing();
    const stranger = device(relay);
    const answers = await Promise.all([
      stranger.read(url),
      stranger.update(url),
      stranger.relinquish(url),
      stranger.delete(url),
      sender.relinquish(url),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 401, 401]);
    expect((await receiver.read(url)).status).toBe(200);
    written.open();
    expect((await update).status).toBe(200);
  });

  it('the duplicate of an earlier update is answered without queueing', async () => {
    const { receiver, url, update, written, slow } = await writing();
    written.open();
    delete slow.replace;
    await update;
    const requestId = 'the-same';
    expect((await receiver.update(url, somePayload(), { requestId })).status).toBe(200);
    const again = gate();
    slow.replace = again.opened;
    const next = receiver.update(url);
    expect((await receiver.update(url, somePayload(), { requestId })).status).toBe(201);
    again.open();
    expect((await next).status).toBe(200);
  });

  it('a write of the other device is queued, and no write is lost', async () => {
    const { receiver, sender, url, update, written } = await writing();
    const payload = somePayload();
    const second = receiver.update(url, payload);
    written.open();
    expect([(await update).status, (await second).status]).toEqual([200, 200]);
    expect((await sender.read(url)).json.payload).toEqual(payload);
  });
});

describe('a queued request whose time is up', () => {
  it('gets 503 contention without a call to the store or a store.failed event', async () => {
    const limits = { storeTimeoutMs: 250, storeBudgetMs: 250 };
    const { receiver, sender, url, update, written, calls, events } = await writing(limits);
    const before = calls.filter((call) => call === 'get').length;
    const late = Array.from({ length: 50 }, (_, index) => (index % 2 === 0 ? sender : receiver).update(url));
    await update; // Given up once its own time is spent.
    const answers = await Promise.all(late);
    expect(answers.map(({ status, json }) => [status, json.code])).toEqual(answers.map(() => [503, 'contention']));
    for (const { headers } of answers) expect(headers.get('Retry-After')).toBe('1');
    // The look of each before its turn. Those whose turn came with a moment left made one more.
    expect(calls.filter((call) => call === 'get').length - before).toBeLessThan(75);
    // The write that got no answer is the one failure.
    const failures = events.filter(({ type }) => type === 'store.failed');
    expect(failures).toHaveLength(1);
    expect(failures[0]).toMatchObject({ call: 'replace' });
    written.open();
  });
});

describe('claims that race to be bound', () => {
  it('cause one write: all but one get 401 without a write and without queueing', async () => {
    const { relay, calls, slow } = relayWithSlowWrites();
    const { sender, url } = await sharedMailbox(relay);
    const bound = gate();
    slow.replace = bound.opened;
    const count = 500;
    const reads = Array.from({ length: count }, () => device(relay).read(url));
    while (calls.filter((call) => call === 'get').length < count) await new Promise(setImmediate);
    bound.open();
    const statuses = (await Promise.all(reads)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(statuses.filter((status) => status === 401)).toHaveLength(count - 1);
    expect(calls.filter((call) => call === 'replace')).toHaveLength(1);
    expect((await sender.read(url)).status).toBe(200);
  });

  it('let the sender write after the first one', async () => {
    const { relay, calls, slow } = relayWithSlowWrites();
    const { sender, url } = await sharedMailbox(relay);
    const bound = gate();
    slow.replace = bound.opened;
    const first = device(relay).read(url);
    while (!calls.includes('replace')) await new Promise(setImmediate);
    const others = Array.from({ length: 100 }, () => device(relay).read(url));
    const order: string[] = [];
    const update = sender.update(url).then(({ status }) => order.push(`update ${status}`));
    const refused = others.map((read) => read.then(({ status }) => order.push(`read ${status}`)));
    while (calls.filter((call) => call === 'get').length < 102) await new Promise(setImmediate);
    const before = calls.length;
    bound.open();
    await Promise.all([first, update, ...refused]);
    expect(order.filter((entry) => entry === 'read 401')).toHaveLength(100);
    expect(order).toContain('update 200');
    // The sender's turn comes after that of the first, not after a look of each of the others.
    expect(calls.slice(before, before + 110).includes('replace')).toBe(true);
  });

  it('bind one again after each relinquish', async () => {
    const relay = testRelay();
    const { url } = await sharedMailbox(relay, createBody());
    for (let round = 0; round < 5; round += 1) {
      const devices = Array.from({ length: 20 }, () => device(relay));
      const answers = await Promise.all(devices.map((each) => each.read(url)));
      const winners = devices.filter((_, index) => answers[index]?.status === 200);
      expect(winners).toHaveLength(1);
      await winners[0]?.relinquish(url);
    }
  });
});

describe('the only claim that can be bound', () => {
  it('is bound while the sender writes continuously', async () => {
    const store = troubledStore(() => new Promise((resolve) => setTimeout(resolve, 5)));
    const relay = testRelay({ store });
    const { sender, url } = await sharedMailbox(relay);
    let isBusy = true;
    const updates = Array.from({ length: 4 }, async () => {
      while (isBusy) expect((await sender.update(url)).status).toBe(200);
    });
    const read = await device(relay).read(url);
    isBusy = false;
    await Promise.all(updates);
    expect(read.status).toBe(200);
  });

  it('makes a few calls only to a failing store', async () => {
    const calls: string[] = [];
    const store = troubledStore((call) => {
      calls.push(call);
      if (call === 'replace') throw new Error('away');
    });
    const relay = testRelay({ store });
    const { url } = await sharedMailbox(relay);
    const before = calls.length;
    const answers = await Promise.all(Array.from({ length: 100 }, () => device(relay).read(url)));
    expect(answers.map(({ json }) => json.code)).toEqual(answers.map(() => 'store_unavailable'));
    expect(calls.length - before).toBeLessThanOrEqual(4 * 100);
  });
});

describe('a slow store', () => {
  it('is reported as failed if a request that did not queue runs out of time', async () => {
    const events: RelayEvent[] = [];
    const slow: { ms: number } = { ms: 0 };
    const store = troubledStore(() => new Promise((resolve) => setTimeout(resolve, slow.ms)));
    const limits = { storeTimeoutMs: 200, storeBudgetMs: 300, authorize: async () => {} };
    const relay = testRelay({ store, onEvent: (event) => events.push(event), ...limits });
    const { sender, url } = await sharedMailbox(relay);
    slow.ms = 120;
    expect((await sender.update(url)).json.code).toBe('store_unavailable');
    expect(events.filter(({ type }) => type === 'store.failed')).toHaveLength(1);
  });
});

describe('a duplicate, with an authorize hook', () => {
  it('is answered from the first read, and is never applied without the hook', async () => {
    const asked: string[] = [];
    const calls: string[] = [];
    const store = troubledStore((call) => void calls.push(call));
    const relay = testRelay({ store, authorize: async ({ operation }) => void asked.push(operation) });
    const { sender, url } = await sharedMailbox(relay);
    const requestId = 'the-same';
    await sender.update(url, somePayload(), { requestId });
    const [hooks, before] = [asked.length, calls.length];
    expect((await sender.update(url, somePayload(), { requestId })).status).toBe(201);
    expect([asked.length - hooks, calls.slice(before)]).toEqual([0, ['get']]);
  });
});

describe('a request without time left', () => {
  it.each([
    [true, 'contention', 0],
    [false, 'store_unavailable', 1],
  ])('makes no call; has it waited for others: %s, then %s', async (hasWaited, code, failures) => {
    const calls: string[] = [];
    const events: RelayEvent[] = [];
    const store = troubledStore((call) => void calls.push(call));
    const guarded = guardStore(
      store,
      1_000,
      createEvents((event) => events.push(event)),
    );
    const budget = startBudget(0);
    if (hasWaited) budget.noteWait();
    await expect(guarded.get('k', budget)).rejects.toMatchObject({ code, status: 503 });
    expect([calls.length, events.filter(({ type }) => type === 'store.failed').length]).toEqual([0, failures]);
  });
});
