/** Leaves a provider alone that keeps failing (a circuit breaker). */
export interface Breaker {
  /** Milliseconds until a push may be tried; 0 for now. While it is being tested, one push at a time. */
  pause(now: number, underWay: number): number;
  /** How a push came out; true if the provider is left alone from now on. */
  report(ok: boolean, now: number): boolean;
}

/** Failures in a row after which a provider is left alone. */
const FAILURES = 10;
/** The first time it is left alone, in ms; doubles with each test that fails. */
const SHORTEST_MS = 5_000;
const LONGEST_MS = 120_000;
/** While one push tests the provider, the others look again after this many ms. */
const TEST_MS = 250;

/** Makes a breaker. Its times are those of `now`, in ms. */
export function createBreaker(): Breaker {
  let failures = 0;
  let opened = 0;
  let until = 0;
  return {
    pause(now, underWay) {
      if (now < until) return until - now;
      return opened > 0 && underWay > 0 ? TEST_MS : 0;
    },
    report(ok, now) {
      if (ok) {
        failures = 0;
        opened = 0;
        until = 0;
        return false;
      }
      failures += 1;
      if (now < until || failures < FAILURES) return false;
      until = now + Math.min(LONGEST_MS, SHORTEST_MS * 2 ** opened);
      opened += 1;
      return true;
    },
  };
}
