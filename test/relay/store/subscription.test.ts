import { describe, expect, it } from 'vitest';
import {
  type ConnectionEvents,
  createChangeSubscriber,
  type SubscriptionConnection,
  type SubscriptionTimes,
} from '../../../src/relay/store/subscription.js';
import { eventually } from '../../support/store/changes.js';

const TIMES: SubscriptionTimes = {
  checkIntervalMs: 20,
  checkTimeoutMs: 20,
  minimumPauseMs: 5,
  maximumPauseMs: 40,
  refusedPauseMs: 60_000,
  isRefusal: (cause) => cause instanceof RangeError,
};

const quiet = { changed() {}, resync() {} };

/** Counts calls of `resync`. */
function counter() {
  const listener = {
    count: 0,
    changed() {},
    resync() {
      listener.count += 1;
    },
  };
  return listener;
}

/** Opens connections with `attempt`, and records them. */
function ears(attempt: (attempts: number) => Promise<Partial<SubscriptionConnection>> = async () => ({})) {
  const log = { at: [] as number[], open: 0, events: undefined as ConnectionEvents | undefined };
  const open = async (events: ConnectionEvents): Promise<SubscriptionConnection> => {
    log.at.push(performance.now());
    const ear = await attempt(log.at.length);
    log.events = events;
    log.open += 1;
    const close = async (): Promise<void> => {
      log.open -= 1;
    };
    return { check: async () => {}, close, ...ear };
  };
  return { log, open };
}

describe('a change subscriber', () => {
  it('reconnects with pauses that grow up to a bound', async () => {
    const { log, open } = ears(async () => {
      throw new Error('away');
    });
    const listening = createChangeSubscriber(open, TIMES);
    listening.subscribe(quiet);
    await eventually(() => log.at.length).toBeGreaterThan(12);
    await listening.close();
    const pauses = log.at.slice(1, 12).map((at, index) => at - (log.at[index] ?? 0));
    // The pauses are 5, 10, 20, 40, 40…, each shortened by up to a half. A busy machine makes them longer, never
    // shorter.
    for (const [index, pause] of pauses.entries()) {
      expect(pause).toBeGreaterThan(0.49 * Math.min(40, 5 * 2 ** index) - 1);
    }
    const attempts = log.at.length;
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(log.at.length).toBe(attempts);
  });

  it('counts a connection that is lost at once as a failed attempt, but not a connection that lasted', async () => {
    let lasting = false;
    const { log, open } = ears(async () => ({
      check: async () => {
        if (!lasting) throw new Error('silent');
      },
    }));
    const listening = createChangeSubscriber(open, {
      ...TIMES,
      checkIntervalMs: 1,
      maximumPauseMs: 400,
      minimumPauseMs: 1,
    });
    listening.subscribe(quiet);
    // The pauses are 1, 2, 4, … 400 ms, and by now they are long.
    await eventually(() => log.at.length).toBeGreaterThan(10);
    expect((log.at[10] ?? 0) - (log.at[9] ?? 0)).toBeGreaterThan(199);
    lasting = true;
    await eventually(() => performance.now() - (log.at.at(-1) ?? 0)).toBeGreaterThan(450);
    const before = log.at.length;
    const lost = performance.now();
    log.events?.lost();
    await eventually(() => log.at.length).toBe(before + 1);
    expect((log.at.at(-1) ?? 0) - lost).toBeLessThan(180);
    await listening.close();
    expect(log.open).toBe(0);
  });

  it('pauses long after a refusal, but stops at once', async () => {
    const { log, open } = ears(async () => {
      throw new RangeError('not you');
    });
    const listening = createChangeSubscriber(open, TIMES);
    const stop = listening.subscribe(quiet);
    await eventually(() => log.at.length).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(log.at.length).toBe(1);
    const started = performance.now();
    await stop();
    expect(performance.now() - started).toBeLessThan(500);
  });

  it('closes a connection whose check hangs or fails, and a connection that was lost while it was opened', async () => {
    const hangs = { check: () => new Promise(() => {}) };
    const fails = { check: () => Promise.reject(new Error('gone')) };
    const { log, open } = ears(async (attempts) => (attempts === 1 ? hangs : attempts === 2 ? fails : {}));
    const listener = counter();
    const listening = createChangeSubscriber(async (events) => {
      const ear = await open(events);
      if (log.at.length === 3) events.lost();
      return ear;
    }, TIMES);
    listening.subscribe(listener);
    await eventually(() => log.at.length).toBe(4);
    await eventually(() => listener.count).toBe(3); // The third connection never reported that it listens.
    expect(log.open).toBe(1);
    await listening.close();
    expect(log.open).toBe(0);
  });

  it('closes a connection that opens after the last listener has unsubscribed', async () => {
    let come: (ear: Partial<SubscriptionConnection>) => void = () => {};
    const { log, open } = ears(() => new Promise((resolve) => (come = resolve)));
    const listening = createChangeSubscriber(open, TIMES);
    const listener = counter();
    const stop = listening.subscribe(listener);
    const stopped = stop();
    come({});
    await stopped;
    expect([listener.count, log.open, log.at.length]).toEqual([0, 0, 1]);
  });

  it('calls resync for a later listener, and calls no listener after it has unsubscribed', async () => {
    const { log, open } = ears();
    const listening = createChangeSubscriber(open, TIMES);
    const heard: string[] = [];
    const listener = (name: string) => ({
      changed: (key: string) => void heard.push(`${name} ${key}`),
      resync: () => void heard.push(`${name} missed`),
    });
    const stopA = listening.subscribe(listener('a'));
    await eventually(() => heard).toEqual(['a missed']);
    const stopB = listening.subscribe(listener('b'));
    await eventually(() => heard).toEqual(['a missed', 'b missed']);
    log.events?.changed('k');
    await stopA();
    log.events?.changed('l');
    expect(heard.slice(2)).toEqual(['a k', 'b k', 'b l']);
    const both = listener('c');
    const stops = [listening.subscribe(both), listening.subscribe(both)];
    await stops[0]?.();
    log.events?.changed('m');
    expect(heard.filter((line) => line === 'c m')).toHaveLength(1);
    expect(log.at.length).toBe(1);
    await Promise.all([stopB(), stops[1]?.()]);
    expect(log.open).toBe(0);
    await listening.close();
    await listening.subscribe(both)();
    expect(log.at.length).toBe(1);
  });
});
