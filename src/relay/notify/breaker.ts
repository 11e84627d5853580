/** Failures in a row after which a server is only tested. */
const FAILURES = 10;

/** Milliseconds between the beginnings of two tests. */
const TEST_INTERVAL_MS = 2_000;

/** Hosts of one service whose failures are counted. A service that is one host always has its place. */
const HOSTS = 64;

/** A host that has not failed for so long is forgotten. */
const FORGOTTEN_AFTER_MS = 600_000;

interface Failing {
  failures: number;
  lastAt: number;
  nextTestAt: number;
}

/**
 * Circuit breakers, one for each host of a service. A host that keeps failing gets one push every two seconds until it
 * takes one. Times are of the monotonic clock, in ms.
 */
export class Breakers {
  /** Hosts that failed last, the one that has not failed for longest first. */
  readonly #failing = new Map<string, Failing>();

  /** True from the tenth failure in a row until the host takes a push. */
  isOpen(host: string): boolean {
    return (this.#failing.get(host)?.failures ?? 0) >= FAILURES;
  }

  /** 0 if a push may begin, which counts as begun; else the ms until it is worth asking again. */
  begin(host: string, now: number): number {
    const state = this.#failing.get(host);
    if (state === undefined || state.failures < FAILURES) return 0;
    if (now < state.nextTestAt) return state.nextTestAt - now;
    state.nextTestAt = now + TEST_INTERVAL_MS;
    return 0;
  }

  /** Counts the result of a push. True if the breaker of the host opens with it. */
  report(host: string, ok: boolean, now: number): boolean {
    const state = this.#failing.get(host) ?? { failures: 0, lastAt: now, nextTestAt: 0 };
    this.#failing.delete(host);
    if (ok) return false;
    state.failures += 1;
    state.lastAt = now;
    if (this.#hasPlace(now)) this.#failing.set(host, state);
    if (state.failures !== FAILURES) return false;
    state.nextTestAt = now + TEST_INTERVAL_MS;
    return true;
  }

  /** Without a place a host is not counted: hosts that devices make up must not displace those that are known. */
  #hasPlace(now: number): boolean {
    if (this.#failing.size < HOSTS) return true;
    const [[host, { lastAt }] = ['', { lastAt: now }]] = this.#failing;
    return now - lastAt >= FORGOTTEN_AFTER_MS && this.#failing.delete(host);
  }
}
