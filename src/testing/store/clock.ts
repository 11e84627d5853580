/** Deadlines on the backend's clock, compared with the known bounds of that clock. */
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import type { MailboxStore } from '../../relay/store/contract.js';
import { newKey } from './values.js';

const LIVES_MS = [250, 1000, 4000];
const PINGS = 5;
/** Clocks are read in whole milliseconds, at both ends. */
const ROUNDING_MS = 2;

/** The backend's clock, known to a few milliseconds. */
export interface BackendClock {
  /** Unix time in ms, a whole number. */
  now(): number;
  /** The deadline has certainly not come. */
  isBefore(deadline: number): boolean;
  /** The deadline has certainly passed, and the backend has had its tolerance to see it. */
  isAfter(deadline: number): boolean;
  /** Waits until {@link isAfter}. */
  passes(deadline: number): Promise<void>;
}

/** Reads the backend's clock through `ping`: the answer with the shortest round trip is the truest. */
export async function readClock(store: MailboxStore, toleranceMs: number): Promise<BackendClock> {
  let skew = 0;
  let roundTrip = Number.POSITIVE_INFINITY;
  for (let count = 0; count < PINGS; count += 1) {
    const started = performance.now();
    const { clockSkewMs } = await store.ping();
    const took = performance.now() - started;
    assert.ok(Number.isFinite(clockSkewMs), `ping gives a clock skew of ${clockSkewMs}`);
    if (took < roundTrip) [skew, roundTrip] = [clockSkewMs, took];
  }
  const doubt = Math.ceil(roundTrip) + ROUNDING_MS;
  const now = (): number => Math.round(Date.now() + skew);
  const isAfter = (deadline: number): boolean => now() >= deadline + doubt + toleranceMs;
  return {
    now,
    isBefore: (deadline) => now() < deadline - doubt,
    isAfter,
    async passes(deadline) {
      while (!isAfter(deadline)) await pause(Math.max(1, deadline + doubt + toleranceMs - now()));
    },
  };
}

/**
 * Runs a task that must end before a deadline a quarter of a second ahead, on a fresh key. If the machine was too slow,
 * the run proves nothing, and the task runs again with more time.
 */
export async function inTime<Result>(
  clock: BackendClock,
  run: (key: string, deadline: number) => Promise<Result>,
): Promise<{ readonly key: string; readonly deadline: number; readonly result: Result }> {
  for (const life of LIVES_MS) {
    const key = newKey();
    const deadline = clock.now() + life;
    try {
      const result = await run(key, deadline);
      if (clock.isBefore(deadline)) return { key, deadline, result };
    } catch (error) {
      if (clock.isBefore(deadline)) throw error;
    }
  }
  assert.fail(`a few calls of the store took more than ${LIVES_MS.at(-1)} ms`);
}
