import { randomBytes, randomUUID } from 'node:crypto';
import { RelayError, type RelayEvent, StoreFullError, storeFromUrl } from 'credential-relay';
import { memoryStore } from 'credential-relay/adapters/store/memory';
import { Keyv } from 'keyv';
import { describe, expect, it, vi } from 'vitest';
import { createEvents } from '../../../src/relay/events.js';
import { createFullStoreReporter } from '../../../src/relay/store/full-store-reporter.js';
import { createBody, device, sharedMailbox, somePayload, testRelay } from '../../support/relay/relay.js';
import { alwaysOvertaken, forever, troubledStore } from '../../support/store/stores.js';

const unavailable = { status: 503, json: { code: 'store_unavailable', status: 503 } };

describe('the relay with a failing store [§6 503]', () => {
  it('answers 503 with Retry-After to every operation, never 404, 401 or 200 [R3]', async () => {
    let down = false;
    const store = troubledStore(() => {
      if (down) throw new Error('ECONNREFUSED redis://:hunter2@10.0.0.1');
    });
    const events: RelayEvent[] = [];
    const relay = testRelay({ store, onEvent: (event) => events.push(event) });
    const { sender, url } = await sharedMailbox(relay);
    down = true;
    const answers = await Promise.all([
      sender.create(),
      sender.preview(url),
      sender.read(url),
      device(relay).read(url),
      sender.update(url),
      sender.relinquish(url),
      sender.delete(url),
    ]);
    for (const answer of answers) {
      expect(answer).toMatchObject(unavailable);
      expect(answer.headers.get('Retry-After')).toBe('1');
      expect(answer.headers.has('WWW-Authenticate')).toBe(false);
      expect(answer.text).not.toContain('hunter2');
    }
    expect(events.filter(({ type }) => type === 'store.failed')).toHaveLength(7);
    expect(JSON.stringify(events)).not.toContain('hunter2');
    await expect(relay.remove(url)).rejects.toMatchObject({ code: 'store_unavailable' });

    down = false;
    expect((await sender.read(url)).status).toBe(200);
  });

  it('treats a store that throws instead of rejecting, or returns no promise, as failed', async () => {
    const store = troubledStore(() => {});
    const throwing = {
      ...store,
      get: (): never => {
        throw new Error('at once');
      },
      create: () => true as unknown as Promise<boolean>,
    };
    const sender = device(testRelay({ store: throwing }));
    const { url } = await sharedMailbox(testRelay({ store }));
    expect(await sender.read(url)).toMatchObject(unavailable);
    expect(await sender.create()).toMatchObject(unavailable);
  });

  it('limits the time of every call', async () => {
    let hung = false;
    const relay = testRelay({ store: troubledStore(() => (hung ? forever() : undefined)), storeTimeoutMs: 100 });
    const { sender, url } = await sharedMailbox(relay);
    hung = true;
    const started = performance.now();
    expect(await sender.read(url)).toMatchObject(unavailable);
    expect(await sender.create()).toMatchObject(unavailable);
    expect(performance.now() - started).toBeLessThan(1000);
  });

  it('answers all requests that queue for one mailbox within the budget of one request', async () => {
    let hung = false;
    const relay = testRelay({
      store: troubledStore(() => (hung ? forever() : undefined)),
      storeTimeoutMs: 120,
      storeBudgetMs: 180,
    });
    const { sender, url } = await sharedMailbox(relay);
    hung = true;
    const started = performance.now();
    const answers = await Promise.all(Array.from({ length: 50 }, () => sender.update(url)));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 503));
    expect(performance.now() - started).toBeLessThan(1000);
  });

  it('answers the retry of a lost write with 201, or with 200 if the store did not apply it', async () => {
    let lose: 'before' | 'after' | undefined;
    const store = troubledStore((call) => {
      if (call === 'replace' && lose === 'before') throw new Error('lost');
    });
    const losing = {
      ...store,
      replace: async (...call: Parameters<typeof store.replace>) => {
        const result = await store.replace(...call);
        if (lose === 'after') throw new Error('lost');
        return result;
      },
    };
    const relay = testRelay({ store: losing });
    const { sender, url } = await sharedMailbox(relay);
    for (const [when, status] of [
      ['before', 200],
      ['after', 201],
    ] as const) {
      const requestId = randomUUID();
      const payload = somePayload();
      lose = when;
      expect(await sender.update(url, payload, { requestId })).toMatchObject(unavailable);
      lose = undefined;
      expect((await sender.update(url, payload, { requestId })).status).toBe(status);
      expect((await sender.read(url)).json.payload).toEqual(payload);
    }
  });

  it('ends a race that it always loses, as contention, within the budget', async () => {
    const relay = testRelay({ store: alwaysOvertaken(), storeBudgetMs: 100 });
    const { sender, url } = await sharedMailbox(relay);
    const started = performance.now();
    const answer = await sender.update(url);
    expect(answer).toMatchObject({ status: 503, json: { code: 'contention' } });
    expect(answer.headers.get('Retry-After')).toBe('1');
    expect(performance.now() - started).toBeLessThan(1000);
  });

  it('answers 503, never 404, for a record that its keys do not open, and names the cause in an event only', async () => {
    const store = new Map<string, unknown>();
    const events: RelayEvent[] = [];
    const { url } = await sharedMailbox(testRelay({ store, keys: [randomBytes(32)] }));
    const relay = testRelay({ store, keys: [randomBytes(32)], onEvent: (event) => events.push(event) });
    const answer = await device(relay).read(url);
    expect(answer).toMatchObject(unavailable);
    expect(answer.text).not.toContain('unknown_key');
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'store.failed', call: 'decode', cause: 'unknown_key' }),
    );
  });

  it('does not open a share that its reader finds after the deadline of the share', async () => {
    const clock = { now: Date.now() };
    const store = troubledStore(() => {});
    const slow = { ...store, get: store.inner.get }; // A store whose clock stands still.
    const relay = testRelay({ store: slow, clock: () => clock.now });
    const { sender, url } = await sharedMailbox(relay, createBody());
    clock.now += 3_600_000;
    expect((await sender.read(url)).status).toBe(404);
    expect((await sender.preview(url)).status).toBe(404);
  });

  it('treats any rejection of a store as an outage, and reports a late failure once', async () => {
    const events: RelayEvent[] = [];
    let settle: (() => void) | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      settle = () => reject(new Error('late'));
    });
    const store = troubledStore(() => {});
    const lying = { ...store, get: () => Promise.reject(new RelayError('mailbox_not_found')) };
    const { url } = await sharedMailbox(testRelay({ store }));
    expect(await device(testRelay({ store: lying })).read(url)).toMatchObject(unavailable);

    const slow = { ...store, get: () => late };
    const relay = testRelay({ store: slow, storeTimeoutMs: 100, onEvent: (event) => events.push(event) });
    expect(await device(relay).read(url)).toMatchObject(unavailable);
    settle?.();
    await late.catch(() => undefined);
    await new Promise((resolve) => setImmediate(resolve));
    expect(events.filter(({ type }) => type === 'store.failed')).toHaveLength(1);
  });

  it('limits the time of ping and sweep', async () => {
    const store = { ...troubledStore(() => {}), ping: forever };
    await expect(testRelay({ store, storeTimeoutMs: 100 }).ping()).rejects.toMatchObject({ code: 'store_timeout' });
  });

  it('resolves ping to the health of the store', async () => {
    const store = { ...troubledStore(() => {}), ping: async () => Promise.reject(new Error('down')) };
    await expect(testRelay({ store }).ping()).rejects.toThrow('down');
    expect(await testRelay().ping()).toMatchObject({ clockSkewMs: 0 });
  });
});

describe('a bug in the relay', () => {
  it('causes a 500 without details, and an event with the class', async () => {
    const events: RelayEvent[] = [];
    let broken = false;
    const clock = (): number => {
      if (broken) throw new TypeError('secret words');
      return Date.now();
    };
    const relay = testRelay({ store: memoryStore(), clock, onEvent: (event) => events.push(event) });
    const { sender, url } = await sharedMailbox(relay);
    broken = true;
    const answer = await sender.update(url, somePayload(), { requestId: 'the-id' });
    broken = false;
    expect({ status: answer.status, code: answer.json.code }).toEqual({ status: 500, code: 'internal_error' });
    expect(events).toContainEqual({ type: 'relay.failed', cause: 'TypeError' });
    expect(answer.headers.get('Mailbox-Request-ID')).toBe('the-id');
    expect(answer.text + JSON.stringify(events)).not.toContain('secret words');
  });
});

describe('a full store [§6 503]', () => {
  const full = { status: 503, json: { code: 'store_full', status: 503 } };

  it('refuses new mailboxes, and serves the existing ones, until there is room', async () => {
    const events: RelayEvent[] = [];
    const store = memoryStore({ maximumMailboxes: 1 });
    const relay = testRelay({ store, onEvent: (event) => events.push(event) });
    const requestId = randomUUID();
    const sender = device(relay);
    const created = await sender.create(createBody(), { requestId });
    const url = created.json.urlLink;
    for (let count = 0; count < 20; count += 1) {
      const refused = await device(relay).create();
      expect(refused).toMatchObject(full);
      expect(refused.headers.get('Retry-After')).toBe('30');
    }
    expect((await sender.create(createBody(), { requestId })).status).toBe(201);
    const receiver = device(relay);
    expect((await receiver.read(url)).status).toBe(200);
    expect((await receiver.update(url)).status).toBe(200);
    expect((await receiver.relinquish(url)).status).toBe(200);
    expect((await sender.delete(url)).status).toBe(200);
    // Once per minute, not once per refusal. The failed store causes no event.
    expect(events.filter(({ type }) => type.startsWith('store.'))).toEqual([
      { type: 'store.full', refused: 1, cause: 'store_full' },
    ]);
  });

  it('causes an event again after a minute, with the number of refusals since', () => {
    const events: unknown[] = [];
    const now = vi.spyOn(performance, 'now').mockReturnValue(1000);
    const relayEvents = createEvents((event) => events.push(event));
    const report = createFullStoreReporter(relayEvents);
    for (let count = 0; count < 5; count += 1) report(new StoreFullError());
    now.mockReturnValue(61_000);
    report(new StoreFullError('full', { cause: Object.assign(new Error('x'), { code: 'SQLITE_FULL' }) }));
    now.mockRestore();
    expect(events).toEqual([
      { type: 'store.full', refused: 1, cause: 'store_full' },
      { type: 'store.full', refused: 5, cause: 'SQLITE_FULL' },
    ]);
  });

  it('is bounded by default, in any kind of memory store', async () => {
    for (const store of [undefined, new Map<string, unknown>(), new Keyv(), storeFromUrl('memory:')]) {
      const { usage } = await testRelay({ store }).ping();
      expect(usage).toEqual({ mailboxes: 0, bytes: 0, maximumMailboxes: 100_000, maximumBytes: 67_108_864 });
    }
  });
});
