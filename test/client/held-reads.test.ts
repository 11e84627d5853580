import assert from 'node:assert/strict';
import type { ReceivedShare, SentShare } from 'credential-relay/client';
import { afterEach, describe, expect, it } from 'vitest';
import { DISPLAY, hastyReceiver, hastySender, readText, words } from '../support/client/devices.js';
import { useRelayPerTest } from '../support/client/relay-per-test.js';

const site = useRelayPerTest();
const POLL_MS = 60;

/** Open waits, which end with the test. */
let waits: AbortController[] = [];
afterEach(() => {
  for (const wait of waits) wait.abort();
  waits = [];
});

interface Pair {
  readonly share: SentShare;
  readonly received: ReceivedShare;
}

/** Shares that receivers have opened. Each sender is a client of its own. */
async function openPairs(count: number, options = {}): Promise<Pair[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const sender = hastySender(site.relay.url, { pollMs: POLL_MS, ...options });
      const share = await sender.share(words('key'), DISPLAY, { accessRights: 'RWD' });
      const received = hastyReceiver().open(share.url);
      await received.next();
      return { share, received };
    }),
  );
}

function waitFor(share: SentShare): Promise<unknown> {
  const controller = new AbortController();
  waits.push(controller);
  const next = share.next({ signal: controller.signal }).then(readText);
  next.catch(() => {});
  return next;
}

describe('Many waits on one relay', () => {
  it('At most two reads are held, and every share gets its message', async () => {
    const pairs = await openPairs(8);
    let maximum = 0;
    const timer = setInterval(() => {
      maximum = Math.max(maximum, site.relay.held());
    }, 1);
    const nexts = pairs.map(({ share }) => waitFor(share));
    await expect.poll(() => site.relay.held()).toBe(2);
    for (const [index, { received }] of pairs.entries()) await received.reply(words(`reply ${index}`));
    expect(await Promise.all(nexts)).toEqual(pairs.map((_, index) => `reply ${index}`));
    clearInterval(timer);
    expect(maximum).toBe(2);
    expect(site.relay.held()).toBe(0);
  });

  it('A share without a held read polls at the documented interval, one share at a time', async () => {
    const pairs = await openPairs(8, { pollMs: 400 });
    let [open, maximum] = [0, 0];
    const polls = new Map<string, number[]>();
    site.relay.intercept = (request, response) => {
      if (request.method !== 'POST' || request.headers.prefer !== undefined) return false;
      const times = polls.get(request.url ?? '') ?? [];
      polls.set(request.url ?? '', [...times, performance.now()]);
      open += 1;
      maximum = Math.max(maximum, open);
      response.on('close', () => {
        open -= 1;
      });
      return false;
    };
    for (const { share } of pairs) await share.check();
    polls.clear();
    [open, maximum] = [0, 0];
    for (const { share } of pairs) void waitFor(share);
    const counts = () => [...polls.values()].map(({ length }) => length).filter((length) => length > 1);
    await expect.poll(() => counts().length >= 6 && Math.min(...counts()) >= 4, { timeout: 10_000 }).toBe(true);
    expect(maximum).toBe(1);
    // Six shares poll: each every 400 ms × 6 / 4, less the random quarter.
    const gaps = [...polls.values()].flatMap((times) =>
      times.slice(1).map((time, index) => time - (times[index] ?? 0)),
    );
    expect(Math.min(...gaps)).toBeGreaterThan(400 * 1.5 * 0.7);
  });

  it('A held read that ends is passed on to the share that has polled for the longest time', async () => {
    const pairs = await openPairs(3, { pollMs: 60_000 });
    for (const { share } of pairs) await share.check();
    const [first, second, third] = pairs as [Pair, Pair, Pair];
    const next = waitFor(first.share);
    void waitFor(second.share);
    await expect.poll(() => site.relay.held()).toBe(2);
    const late = waitFor(third.share);
    // The third share has read once, and would poll in a minute.
    await expect.poll(() => site.relay.log.filter((line) => line === 'POST 200').length).toBeGreaterThan(9);
    await first.received.reply(words('first'));
    expect(await next).toBe('first');
    await expect.poll(() => site.relay.held()).toBe(2);
    await third.received.reply(words('third'));
    expect(await late).toBe('third');
  });

  it('An aborted wait passes its held read on, and a wait ends at once when the app ends the share', async () => {
    const pairs = await openPairs(4, { pollMs: 60_000 });
    for (const { share } of pairs) await share.check();
    const [first, second, third, fourth] = pairs as [Pair, Pair, Pair, Pair];
    void waitFor(first.share);
    void waitFor(second.share);
    await expect.poll(() => site.relay.held()).toBe(2);
    const before = site.relay.log.length;
    const late = waitFor(third.share);
    const cancelled = waitFor(fourth.share);
    await expect.poll(() => site.relay.log.length).toBeGreaterThan(before + 1);
    await fourth.share.cancel();
    expect(await cancelled).toBeUndefined();
    waits[0]?.abort();
    await third.received.reply(words('third'));
    expect(await late).toBe('third');
  });

  it('maximumHeldReads raises the number of held reads', async () => {
    const pairs = await openPairs(5, { maximumHeldReads: 5 });
    for (const { share } of pairs) void waitFor(share);
    await expect.poll(() => site.relay.held()).toBe(5);
  });

  it.each<[how: string, request: (...args: unknown[]) => unknown]>([
    ['throw', () => assert.fail('no locks here')],
    ['refuse', () => Promise.reject(new DOMException('no locks here', 'SecurityError'))],
    ['do not answer', () => new Promise(() => {})],
  ])('Two reads are held where Web Locks %s', async (_, request) => {
    const before = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
    Object.defineProperty(globalThis, 'navigator', { value: { locks: { request } }, configurable: true });
    try {
      const pairs = await openPairs(4);
      const nexts = pairs.map(({ share }) => waitFor(share));
      await expect.poll(() => site.relay.held(), { timeout: 5000 }).toBe(2);
      for (const { received } of pairs) await received.reply(words('reply'));
      expect(await Promise.all(nexts)).toEqual(pairs.map(() => 'reply'));
    } finally {
      if (before === undefined) Reflect.deleteProperty(globalThis, 'navigator');
      else Object.defineProperty(globalThis, 'navigator', before);
    }
  });

  it('A lock that is granted late is released at once', async () => {
    const before = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
    const grants: ((lock: object | null) => unknown)[] = [];
    const request = (_: string, __: unknown, grant: (lock: object | null) => unknown) => {
      grants.push(grant);
      return new Promise(() => {});
    };
    Object.defineProperty(globalThis, 'navigator', { value: { locks: { request } }, configurable: true });
    try {
      const [pair] = await openPairs(1);
      if (pair === undefined) return;
      void waitFor(pair.share);
      await expect.poll(() => site.relay.held(), { timeout: 5000 }).toBe(1);
      expect(grants.map((grant) => grant({}))).toEqual(grants.map(() => undefined));
    } finally {
      if (before === undefined) Reflect.deleteProperty(globalThis, 'navigator');
      else Object.defineProperty(globalThis, 'navigator', before);
    }
  });

  it('Clients that share Web Locks, as tabs do, hold two reads in all', async () => {
    const held = new Set<string>();
    const locks = {
      async request(name: string, _: unknown, callback: (lock: object | null) => Promise<void> | undefined) {
        if (held.has(name)) return callback(null);
        held.add(name);
        await Promise.resolve(callback({})).finally(() => held.delete(name));
      },
    };
    const before = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
    Object.defineProperty(globalThis, 'navigator', { value: { locks }, configurable: true });
    try {
      // Another tab holds one of the two locks.
      held.add(`credential-relay ${new URL(site.relay.url).origin} 0`);
      const pairs = await openPairs(3);
      const nexts = pairs.map(({ share }) => waitFor(share));
      await expect.poll(() => site.relay.held()).toBe(1);
      for (const { received } of pairs) await received.reply(words('reply'));
      expect(await Promise.all(nexts)).toEqual(['reply', 'reply', 'reply']);
      await expect.poll(() => held.size).toBe(1);
    } finally {
      if (before === undefined) Reflect.deleteProperty(globalThis, 'navigator');
      else Object.defineProperty(globalThis, 'navigator', before);
    }
  });
});
