/** Leaves a provider alone that keeps failing (a circuit breaker). Times are of the monotonic clock, in ms. */
export interface Breaker {
  /** 0 if a push may be tried now, which counts as begun; else the ms until it is worth asking again. */
  begin(now: number): number;
  /** How a push came out that was begun at `begunAt`; true if the provider is left alone from now on. */
  report(ok: boolean, begunAt: number, now: number): boolean;
}

/** Failures in a row after which a provider is left alone. */
const FAILURES = 10;
/** The first time it is left alone; four times as long after each test that fails. */
const SHORTEST_MS = 5_000;
const LONGEST_MS = 120_000;
/** While one push tests the provider, the others ask again after this time. */
const TEST_MS = 250;

/** Makes a breaker. After a pause one push tests the provider; if that is taken, all goes on. */
export function createBreaker(): Breaker {
  let failures = 0;
  let pauses = 0;
  let until = 0;
  let testing = false;
  return {
    begin(now) {
      if (pauses === 0) return 0;
      if (now < until) return until - now;
      if (testing) return TEST_MS;
      testing = true;
      return 0;
    },
    report(ok, begunAt, now) {
      if (ok) {
        failures = 0;
        pauses = 0;
        testing = false;
        return false;
      }
      // Begun before the pause, it tells nothing that is not known.
      if (pauses > 0 && begunAt < until) return false;
      failures += 1;
      if (failures < FAILURES) return false;
      until = now + Math.min(LONGEST_MS, SHORTEST_MS * 4 ** pauses);
      pauses += 1;
      testing = false;
      return true;
    },
  };
}
