import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CircuitBreakers } from '../../../src/relay/notify/breaker.js';
import type { PushDestination } from '../../../src/relay/notify/contract.js';
import { DeviceQueues } from '../../../src/relay/notify/device-queues.js';
import type { PushQueue } from '../../../src/relay/notify/queue.js';
import { job, type Provider, provider, watchedQueue } from '../../support/notify/queue.js';

/* The pushes of one attacker do not delay the pushes of others, with any outcome. Token form: `service host name`. */

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, 'random').mockReturnValue(1);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);
const sent = () => ({ outcome: 'sent' });

/** A provider with several services and hosts. The tokens name them. */
function services(answer?: (name: string) => unknown): Provider {
  const made = provider(answer && (({ tokenData }) => answer(tokenData)));
  const destination = (tokenData: string): PushDestination => {
    const [service = '', host = ''] = tokenData.split(' ');
    return { service, host };
  };
  return Object.assign(made, { destination });
}

/** Closes a queue under a fake clock. */
async function closed(queue: PushQueue): Promise<void> {
  const closing = queue.close(1);
  await pass(2);
  await closing;
}

const token = (tokenData: string) => job('', { tokenData });
const got = ({ received }: Provider, tokenData: string): number =>
  received.filter((push) => push.tokenData === tokenData).length;

describe('a failing host', () => {
  const failing = (extra: object = {}) =>
    services((name) => (name.startsWith('a x') ? { outcome: 'retry', ...extra } : sent()));

  it('is tested by one push every two seconds, which costs no attempt, until it accepts a push', async () => {
    let well = false;
    const one = provider(() => ({ outcome: well ? 'sent' : 'retry' }));
    const { queue, of } = watchedQueue([one], { retries: 1 });
    for (let device = 0; device < 30; device += 1) queue.enqueue(job(`${device}`));
    await pass(100);
    expect(of('push.paused')).toEqual([{ type: 'push.paused', tokenType: 'one' }]);
    const before = one.received.length;
    expect(before).toBeLessThan(20);
    await pass(60_000);
    expect(one.received.length - before).toBe(30);
    expect([of('push.paused').length, of('push.dropped').length, queue.size]).toEqual([1, 0, 30]);
    well = true;
    await pass(40_000);
    expect([of('push.sent').length, queue.size]).toEqual([30, 0]);
  });

  it('is tested with a token without a failure, if there is one', async () => {
    const one = failing();
    const { queue } = watchedQueue([one]);
    for (let device = 0; device < 30; device += 1) queue.enqueue(token(`a x ${device}`));
    await pass(20_000);
    queue.enqueue(token('a x new'));
    const before = one.received.length;
    await pass(2_001);
    expect(one.received[before]?.tokenData).toBe('a x new');
  });

  it('delays no other host of the service', async () => {
    const one = failing();
    const { queue, of } = watchedQueue([one]);
    for (let device = 0; device < 30; device += 1) queue.enqueue(token(`a x ${device}`));
    await pass(100);
    expect(of('push.paused').length).toBe(1);
    queue.enqueue(token('a y victim'));
    await pass(1);
    expect(got(one, 'a y victim')).toBe(1);
  });

  it.each([429, 503])('counts as failing only if the fault is its own (%i)', async (status) => {
    const one = failing(status === 429 ? { fault: 'token' } : {});
    const { queue, of } = watchedQueue([one]);
    for (let device = 0; device < 30; device += 1) queue.enqueue(token(`a x ${device}`));
    await pass(30_000);
    expect(of('push.paused').length).toBe(status === 429 ? 0 : 1);
    // Each token still has its attempts and pauses.
    if (status === 429) expect(one.received.length).toBe(30 * 4);
  });

  it('stays paused, or in its row of failures, when a push fails by its token', async () => {
    // Nine failures of the host, a 429 after each of them, and the tenth failure.
    let count = 0;
    const one = provider(() => {
      count += 1;
      return count % 2 === 1 ? { outcome: 'retry' } : { outcome: 'retry', fault: 'token' };
    });
    const { queue, of } = watchedQueue([one], { retries: 0, intervalMs: 0 });
    for (let device = 0; device < 18; device += 1) {
      queue.enqueue(job(`${device}`));
      await pass(1);
    }
    expect(of('push.paused')).toEqual([]);
    queue.enqueue(job('last'));
    await pass(1);
    expect(of('push.paused').length).toBe(1);
  });

  it('is not displaced by hosts that devices invent, which have no breaker beyond 64 hosts', () => {
    const breakers = new CircuitBreakers();
    const fail = (host: string, now: number): boolean[] =>
      Array.from({ length: 10 }, () => breakers.recordResult(host, false, now));
    expect(fail('known', 0).filter(Boolean).length).toBe(1);
    for (let host = 0; host < 1_000; host += 1) fail(`made-up-${host}`, 1);
    expect(breakers.isOpen('known')).toBe(true);
    expect(breakers.requestStart('known', 1)).toBe(1_999);
    expect([breakers.isOpen('made-up-62'), breakers.isOpen('made-up-63')]).toEqual([true, false]);
    fail('later', 600_001);
    expect(breakers.isOpen('later')).toBe(true);
    breakers.recordResult('known', true, 2);
    expect(breakers.isOpen('known')).toBe(false);
  });
});

describe('pushes that hang', () => {
  it('delay a later push by two seconds at most', async () => {
    for (const wait of [0, 100, 999, 2_500, 3_100, 4_100, 5_100, 7_300]) {
      const one = services((name) => (name.endsWith('victim') ? sent() : new Promise(() => {})));
      const { queue } = watchedQueue([one]);
      for (let device = 0; device < 990; device += 1) queue.enqueue(token(`a ${device} hangs`));
      await pass(wait);
      queue.enqueue(token('a y victim'));
      await pass(2_001);
      expect(got(one, 'a y victim')).toBe(1);
      await closed(queue);
    }
  });

  it('delay a later push to the same host no longer', async () => {
    const one = services((name) => (name.endsWith('victim') ? sent() : new Promise(() => {})));
    const { queue, of } = watchedQueue([one]);
    for (let device = 0; device < 990; device += 1) queue.enqueue(token(`a x hangs${device}`));
    await pass(20_000);
    expect(of('push.paused').length).toBe(1);
    queue.enqueue(token('a x victim'));
    await pass(2_001);
    expect(got(one, 'a x victim')).toBe(1);
  });

  it('use two slots at most for tokens with a failure', async () => {
    let answer: () => unknown = () => ({ outcome: 'retry', fault: 'token' });
    const one = services(() => answer());
    const { queue } = watchedQueue([one], { backoffMs: [1_000, 1_000], intervalMs: 1 });
    for (let device = 0; device < 100; device += 1) queue.enqueue(token(`a x ${device}`));
    await pass(500);
    expect(one.received.length).toBe(100);
    answer = () => new Promise(() => {});
    await pass(4_000);
    expect(one.received.length).toBe(102);
    for (let device = 0; device < 100; device += 1) queue.enqueue(token(`a y ${device}`));
    await pass(1);
    expect(one.received.slice(102).every(({ tokenData }) => tokenData.startsWith('a y'))).toBe(true);
    expect(one.received.length).toBe(110);
  });
});

describe('a full queue', () => {
  it('drops from the service with the most pushes', async () => {
    const one = services();
    const { queue, of } = watchedQueue([one], { maximumWaiting: 20, concurrency: 1, maximumInFlight: 1 });
    for (const service of ['small', 'big']) queue.enqueue(token(`${service} x running`));
    await pass(1);
    for (let device = 0; device < 5; device += 1) queue.enqueue(token(`small x ${device}`));
    for (let device = 0; device < 500; device += 1) queue.enqueue(token(`big ${device} x`));
    expect([of('push.dropped').length, queue.size]).toEqual([485, 22]);
    for (let at = 0; at < 22; at += 1) {
      one.received[at]?.answer({ outcome: 'sent' });
      await pass(1);
    }
    const small = one.received.filter(({ tokenData }) => tokenData.startsWith('small'));
    expect([small.length, one.received.length, queue.size]).toEqual([6, 22, 0]);
  });

  it('drops pushes with a failure before pushes without', async () => {
    const one = services((name) => (name.endsWith('bad') ? { outcome: 'retry', retryAfterMs: 60_000 } : sent()));
    const { queue, of } = watchedQueue([one], { maximumWaiting: 2 });
    queue.enqueue(token('a x good'));
    await pass(10);
    // This service pauses until the end of its interval, and longer than the failed service.
    queue.enqueue(token('a x good'));
    await pass(10);
    queue.enqueue(token('a x bad'));
    await pass(10);
    queue.enqueue(token('a x other'));
    expect(of('push.dropped').length).toBe(1);
    await pass(70_000);
    expect([got(one, 'a x good'), got(one, 'a x other'), got(one, 'a x bad')]).toEqual([2, 1, 1]);
  });
});

describe('pushes that wait for another attempt', () => {
  it('count as waiting, and are dropped first', async () => {
    const one = services();
    const { queue, of } = watchedQueue([one], { maximumWaiting: 20 });
    for (let device = 0; device < 8; device += 1) queue.enqueue(token(`a x bad${device}`));
    await pass(1);
    for (let device = 0; device < 20; device += 1) queue.enqueue(token(`a x good${device}`));
    for (const push of one.received.slice(0, 8)) push.answer({ outcome: 'retry', fault: 'token' });
    await vi.advanceTimersByTimeAsync(0);
    expect(of('push.dropped')).toEqual(
      Array.from({ length: 8 }, () => ({ type: 'push.dropped', tokenType: 'one', reason: 'full' })),
    );
    for (let at = 8; at < 28; at += 1) {
      one.received[at]?.answer({ outcome: 'sent' });
      await pass(1);
    }
    expect([of('push.sent').length, queue.size]).toEqual([20, 0]);
  });
});

describe('the memory of tokens', () => {
  it('is bounded, expires, and does not contain the token itself', async () => {
    const queues = new DeviceQueues(100);
    for (let device = 0; device < 1_000; device += 1)
      queues.get('one', `secret-${device}`, '').nextAllowedAt = performance.now() + 2_000;
    expect(queues.size).toBe(100);
    expect(JSON.stringify(queues.get('one', 'secret-999', ''))).not.toContain('secret');
    await pass(12_000);
    queues.get('one', 'another', '');
    expect(queues.size).toBe(1);
  });

  it('never loses a token with a waiting push', () => {
    const queues = new DeviceQueues(10);
    const waiting = queues.get('one', 'waits', '');
    waiting.pending = { job: job('a'), dropAt: 1, failedAttempts: 0 };
    for (let device = 0; device < 100; device += 1) queues.get('one', `${device}`, '');
    expect(queues.get('one', 'waits', '')).toBe(waiting);
  });
});
