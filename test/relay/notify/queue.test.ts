import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { job, provider, watchedQueue } from '../../support/notify/queue.js';

/* docs/protocol.md §8: a push never delays its request. The queue bounds pushes in number, time and attempts. */

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

describe('the queue of pushes', () => {
  it('calls no notifier while a job is added', async () => {
    const one = provider(sent);
    const { queue } = watchedQueue([one]);
    queue.enqueue(job('a'));
    expect([one.received.length, queue.size]).toEqual([0, 1]);
    await pass(1);
    expect([one.received.length, queue.size]).toEqual([1, 0]);
  });

  it('passes type and token to the notifier, not the deadline of the mailbox, and emits an event without the token', async () => {
    vi.setSystemTime(new Date('2030-05-01T10:20:30.456Z'));
    const one = provider(sent);
    const { queue, events } = watchedQueue([one]);
    queue.enqueue(job('a', { expiresAt: Date.now() + 5_000 }));
    await pass(1);
    const expiresAt = Date.parse('2030-05-02T10:00:00.000Z');
    expect(one.received[0]).toMatchObject({ type: 'one', tokenData: 'token-of-a', expiresAt });
    expect(events).toEqual([{ type: 'push.sent', tokenType: 'one', attempt: 1, ms: expect.any(Number) }]);
  });

  it('merges pushes to one token while a push waits or is in flight', async () => {
    const one = provider();
    const { queue } = watchedQueue([one]);
    for (let change = 0; change < 3; change += 1) queue.enqueue(job('a'));
    await pass(1);
    for (let change = 0; change < 2; change += 1) queue.enqueue(job('a'));
    expect(queue.size).toBe(2);
    one.received[0]?.answer({ outcome: 'sent' });
    await pass(2_000);
    one.received[1]?.answer({ outcome: 'sent' });
    await pass(30_000);
    expect([one.received.length, queue.size]).toEqual([2, 0]);
  });

  it('keeps a merged push until the later of the two deadlines', async () => {
    const one = provider(sent);
    const { queue } = watchedQueue([one]);
    queue.enqueue(job('a'));
    await pass(100);
    queue.enqueue(job('a'));
    queue.enqueue(job('a', { expiresAt: Date.now() + 500 }));
    await pass(2_000);
    expect(one.received.length).toBe(2);
  });

  it('waits two seconds between two pushes to one token, and then sends the last change [A35]', async () => {
    const one = provider(sent);
    const { queue } = watchedQueue([one]);
    queue.enqueue(job('a'));
    await pass(100);
    queue.enqueue(job('a'));
    await pass(1_890);
    expect(one.received.length).toBe(1);
    await pass(20);
    expect(one.received.length).toBe(2);
  });

  it('waits two seconds also for a token in several mailboxes, and in several spellings', async () => {
    const one = { ...provider(sent), destination: (tokenData: string) => ({ device: tokenData.trim() }) };
    const { queue, of } = watchedQueue([one]);
    for (let round = 0; round < 60; round += 1) {
      for (let spaces = 0; spaces < 3; spaces += 1) queue.enqueue(job('', { tokenData: `a${' '.repeat(spaces)}` }));
      await pass(100);
    }
    await pass(10_000);
    expect([one.received.length, queue.size, of('push.dropped')]).toEqual([4, 0, []]); // At 0, 2, 4 and 6 s.
  });

  it('drops the oldest waiting push when too many wait, and emits an event', async () => {
    const one = provider();
    const { queue, of } = watchedQueue([one], { maximumWaiting: 3, concurrency: 1 });
    queue.enqueue(job('running'));
    await pass(1);
    for (const device of ['a', 'b', 'c', 'd', 'e']) queue.enqueue(job(device));
    expect(of('push.dropped')).toEqual([
      { type: 'push.dropped', tokenType: 'one', reason: 'full' },
      { type: 'push.dropped', tokenType: 'one', reason: 'full' },
    ]);
    expect(queue.size).toBe(4);
    for (let at = 0; at < 4; at += 1) {
      one.received[at]?.answer({ outcome: 'sent' });
      await pass(1);
    }
    // The newest push goes first.
    expect(one.received.map(({ tokenData }) => tokenData)).toEqual([
      'token-of-running',
      'token-of-e',
      'token-of-d',
      'token-of-c',
    ]);
  });

  it('limits waiting pushes also for devices with a push in flight, or within their interval', async () => {
    const one = provider(sent);
    const { queue } = watchedQueue([one], { maximumWaiting: 3 });
    for (let device = 0; device < 10; device += 1) queue.enqueue(job(`${device}`));
    await pass(100);
    for (let device = 0; device < 10; device += 1) queue.enqueue(job(`${device}`));
    expect(queue.size).toBe(3);
  });

  it('has eight pushes in flight per notifier, so that a notifier that hangs delays no other', async () => {
    const [hanging, well] = [provider(), provider(sent, ['two'])];
    const { queue } = watchedQueue([hanging, well]);
    for (let device = 0; device < 100; device += 1) queue.enqueue(job(`${device}`));
    queue.enqueue(job('well', { type: 'two' }));
    await pass(1);
    expect([hanging.received.length, well.received.length]).toEqual([8, 1]);
    // A push that hangs frees its slot for another push, up to 32.
    await pass(1_000);
    expect(hanging.received.length).toBe(16);
    await pass(3_990);
    expect(hanging.received.length).toBe(32);
    await pass(20);
    expect(hanging.received.length).toBe(40);
    expect(hanging.received.filter(({ signal }) => signal.aborted).length).toBe(8);
  });

  it('retries three times with growing pauses, and then drops the push', async () => {
    const one = provider(() => ({ outcome: 'retry', code: 'Busy' }));
    const { queue, of } = watchedQueue([one], { intervalMs: 1 });
    queue.enqueue(job('a'));
    const times: number[] = [];
    const started = Date.now();
    for (let seen = 0; seen < 4; ) {
      await pass(50);
      if (one.received.length > seen) {
        times.push(Date.now() - started);
        seen += 1;
      }
    }
    expect(times.map((ms) => Math.round(ms / 500))).toEqual([0, 1, 5, 21]);
    expect(of('push.failed').map((event) => 'attempt' in event && event.attempt)).toEqual([1, 2, 3, 4]);
    expect(of('push.dropped')).toEqual([{ type: 'push.dropped', tokenType: 'one', reason: 'retries' }]);
    expect(queue.size).toBe(0);
  });

  it('obeys the Retry-After of the provider, and drops a push that would expire before', async () => {
    const one = provider(({ tokenData }) => ({
      outcome: 'retry',
      retryAfterMs: tokenData === 'long' ? 900_000 : 60_000,
    }));
    const { queue, of } = watchedQueue([one]);
    queue.enqueue(job('a', { tokenData: 'short' }));
    queue.enqueue(job('b', { tokenData: 'long' }));
    await pass(59_000);
    expect(one.received.length).toBe(2);
    expect(of('push.dropped')).toMatchObject([{ reason: 'expired' }]);
    await pass(2_000);
    expect(one.received.length).toBe(3);
  });

  it('releases the slot of a push that expires before the Retry-After of the provider', async () => {
    const one = provider();
    const { queue, of } = watchedQueue([one]);
    queue.enqueue(job('a'));
    await pass(1);
    queue.enqueue(job('a')); // A change during the first push.
    one.received[0]?.answer({ outcome: 'retry', retryAfterMs: 86_400_000 });
    await pass(1);
    expect([queue.size, of('push.dropped')]).toMatchObject([0, [{ reason: 'expired' }]]);
    queue.enqueue(job('a'));
    await pass(600_000);
    expect([queue.size, one.received.length]).toEqual([0, 1]);
    await pass(86_000_000);
    queue.enqueue(job('a'));
    await pass(1);
    expect(one.received.length).toBe(2);
  });

  it('waits one day at most, for any Retry-After', async () => {
    const one = provider(({ tokenData }) => ({ outcome: 'retry', retryAfterMs: Number(tokenData) }));
    const { queue } = watchedQueue([one]);
    const waits = [1e12, Number.MAX_VALUE, Number.POSITIVE_INFINITY, 2 ** 31];
    for (const wait of waits) queue.enqueue(job('', { tokenData: `${wait}` }));
    await pass(10_000);
    for (const wait of waits) queue.enqueue(job('', { tokenData: `${wait}` }));
    await pass(10_000);
    expect([one.received.length, queue.size]).toEqual([4, 0]);
  });

  it('does not shorten the pauses of a failing device for new changes', async () => {
    const one = provider(() => ({ outcome: 'retry' }));
    const { queue } = watchedQueue([one], { intervalMs: 1 });
    for (let tenth = 0; tenth < 100; tenth += 1) {
      queue.enqueue(job('a'));
      await pass(100);
    }
    expect(one.received.length).toBe(3); // At 0, 0.5 and 2.5 s. The next attempt is at 10.5 s.
  });

  it('sends no push after the deadline of its mailbox', async () => {
    const one = provider();
    const { queue, of } = watchedQueue([one], { concurrency: 1 });
    queue.enqueue(job('first'));
    await pass(1);
    queue.enqueue(job('a', { expiresAt: Date.now() + 1_000 }));
    await pass(2_000);
    one.received[0]?.answer({ outcome: 'sent' });
    await pass(10);
    expect(one.received.length).toBe(1);
    expect(of('push.dropped')).toMatchObject([{ reason: 'expired' }]);
  });

  it.each<[name: string, answer: () => unknown, outcome: string, code: string | undefined]>([
    ['throws', () => Promise.reject(new TypeError('secret')), 'retry', 'TypeError'],
    ['returns nothing', () => undefined, 'rejected', 'no_outcome'],
    ['returns null', () => null, 'rejected', 'no_outcome'],
    ['returns an unknown outcome', () => ({ outcome: 'maybe' }), 'rejected', 'no_outcome'],
    ['returns a code of several words', () => ({ outcome: 'rejected', code: 'a b' }), 'rejected', undefined],
    ['returns the token as code', () => ({ outcome: 'rejected', code: 'abcdef' }), 'rejected', undefined],
    ['returns a plain code', () => ({ outcome: 'rejected', code: 'BadTopic' }), 'rejected', 'BadTopic'],
  ])('emits push.failed with a plain code for a notifier that %s', async (_name, answer, outcome, code) => {
    const one = provider(answer);
    const { queue, of } = watchedQueue([one]);
    queue.enqueue(job('a', { tokenData: 'xx-abcdef-yy' }));
    await pass(1);
    expect(of('push.failed')[0]).toEqual({
      type: 'push.failed',
      tokenType: 'one',
      outcome,
      ...(code === undefined ? {} : { code }),
      attempt: 1,
      ms: expect.any(Number),
    });
  });

  it.each([
    ['rejects', () => Promise.reject(new Error('away'))],
    [
      'throws',
      () => {
        throw new Error('away');
      },
    ],
  ] as const)(
    'removes an expired token from the mailboxes and does not push to it again, also if forget %s',
    async (_how, forget) => {
      const one = provider();
      const { queue } = watchedQueue([one]);
      const mailboxes = [vi.fn(forget), vi.fn(forget)] as const;
      queue.enqueue(job('a', { forget: mailboxes[0] }));
      await pass(1);
      queue.enqueue(job('a', { forget: mailboxes[1] }));
      one.received[0]?.answer({ outcome: 'gone' });
      await pass(10_000);
      for (const forgotten of mailboxes) expect(forgotten).toHaveBeenCalledTimes(1);
      expect(one.received.length).toBe(1);
      expect(queue.size).toBe(0);
    },
  );

  it('asks the notifier to validate a token', () => {
    const picky = { ...provider(), validate: (tokenData: string) => tokenData === 'good' };
    const broken = {
      ...provider(undefined, ['two']),
      validate: () => {
        throw new Error('broken');
      },
    };
    const { queue } = watchedQueue([picky, broken]);
    const handled = [
      queue.handles(undefined),
      queue.handles({ type: 'none', tokenData: 'good' }),
      queue.handles({ type: 'one', tokenData: 'bad' }),
      queue.handles({ type: 'two', tokenData: 'good' }),
      queue.handles({ type: 'one', tokenData: 'good' }),
    ];
    expect(handled).toEqual([false, false, false, false, true]);
  });
});

describe('close', () => {
  it('sends the pushes that wait for the end of an interval, and closes the notifiers once', async () => {
    const one = provider(sent);
    const { queue } = watchedQueue([one]);
    queue.enqueue(job('a'));
    await pass(10);
    queue.enqueue(job('a'));
    const closing = [queue.close(), queue.close()];
    await pass(10);
    await Promise.all(closing);
    expect([one.received.length, one.closed]).toEqual([2, 1]);
  });

  it('ends after its grace time, aborts pushes that hang, drops the rest with events, and accepts no more', async () => {
    const one = { ...provider(), close: () => new Promise<void>(() => {}) };
    const { queue, of } = watchedQueue([one], { concurrency: 1 });
    for (const device of ['a', 'b', 'c']) queue.enqueue(job(device));
    await pass(1);
    const closing = queue.close(500);
    await pass(1_001);
    await closing;
    queue.enqueue(job('d'));
    expect(one.received[0]?.signal.aborted).toBe(true);
    expect(of('push.dropped').map((event) => 'reason' in event && event.reason)).toEqual(Array(4).fill('closed'));
    await pass(60_000);
    expect([one.received.length, queue.size]).toEqual([1, 0]);
  });
});
