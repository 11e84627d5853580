import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { delay, waitAtMost, withAbortableTimeout, withTimeout } from '../../src/relay/time.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const never = (): Promise<never> => new Promise(() => {});

function watch(promise: Promise<unknown>): { settled: boolean } {
  const state = { settled: false };
  const settle = (): void => {
    state.settled = true;
  };
  promise.then(settle, settle);
  return state;
}

describe('delay', () => {
  it('resolves after its time', async () => {
    const state = watch(delay(100));
    await vi.advanceTimersByTimeAsync(99);
    expect(state.settled).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(state.settled).toBe(true);
  });

  it('resolves early when its signal aborts, and leaves no timer', async () => {
    const controller = new AbortController();
    const waiting = delay(100, { signal: controller.signal });
    controller.abort();
    await waiting;
    await delay(100, { signal: controller.signal });
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('withTimeout', () => {
  it('rejects with a TimeoutError after its time, or with the given error', async () => {
    const standard = withTimeout(100, never);
    const custom = withTimeout(100, never, () => new Error('late'));
    await Promise.all([
      expect(standard).rejects.toMatchObject({ name: 'TimeoutError' }),
      expect(custom).rejects.toThrow('late'),
      vi.advanceTimersByTimeAsync(100),
    ]);
  });

  it('settles like the call, also for a call that throws or returns no promise, and leaves no timer', async () => {
    await expect(withTimeout(100, async () => 1)).resolves.toBe(1);
    const failing = [
      () => Promise.reject(new Error('no')),
      () => {
        throw new Error('no');
      },
      () => undefined as never,
    ];
    for (const call of failing) await expect(withTimeout(100, call)).rejects.toThrow();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('with a signal aborts the call with the error that it rejects with', async () => {
    let signal: AbortSignal | undefined;
    const waiting = withAbortableTimeout(100, (own) => {
      signal = own;
      return new Promise((_, reject) => own.addEventListener('abort', () => reject(new Error('of the call'))));
    });
    const caught = waiting.catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(100);
    expect(await caught).toMatchObject({ name: 'TimeoutError' });
    expect(signal?.reason).toBe(await caught);
  });
});

describe('waitAtMost', () => {
  it('resolves when the promise settles, and after its time at the latest', async () => {
    await waitAtMost(100, Promise.resolve());
    await waitAtMost(100, Promise.reject(new Error('ignored')));
    expect(vi.getTimerCount()).toBe(0);
    const state = watch(waitAtMost(100, never()));
    await vi.advanceTimersByTimeAsync(100);
    expect(state.settled).toBe(true);
  });
});
