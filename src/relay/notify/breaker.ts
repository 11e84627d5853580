/** A breaker opens after this number of failures in a row. */
const FAILURES_TO_OPEN = 10;

/** Time between the starts of two test pushes to a host with an open breaker. */
const TEST_INTERVAL_MS = 2_000;

/** Hosts of one service with a failure count. A service that is a single host always has an entry. */
const MAXIMUM_HOSTS = 64;

/** A full map removes a host without failures for this time. */
const FORGET_AFTER_MS = 600_000;

interface HostFailures {
  /** Failures in a row. */
  count: number;
  lastAt: number;
  nextTestAt: number;
}

/**
 * Circuit breakers, one per host of a service. A host with an open breaker gets one push every two seconds, until it
 * accepts a push. All times are of the monotonic clock, in ms.
 */
export class CircuitBreakers {
  /** The hosts whose last push failed, the oldest failure first. */
  readonly #failing = new Map<string, HostFailures>();

  /** True from the tenth failure in a row until the host accepts a push. */
  isOpen(host: string): boolean {
    return (this.#failing.get(host)?.count ?? 0) >= FAILURES_TO_OPEN;
  }

  /** Returns 0 if a push may start now, and counts the push as started; otherwise the ms until the next test push. */
  requestStart(host: string, now: number): number {
    const failures = this.#failing.get(host);
    if (failures === undefined || failures.count < FAILURES_TO_OPEN) return 0;
    if (now < failures.nextTestAt) return failures.nextTestAt - now;
    failures.nextTestAt = now + TEST_INTERVAL_MS;
    return 0;
  }

  /** Counts the result of a push. Returns true if this result opens the breaker of the host. */
  recordResult(host: string, ok: boolean, now: number): boolean {
    const failures = this.#failing.get(host) ?? { count: 0, lastAt: now, nextTestAt: 0 };
    this.#failing.delete(host);
    if (ok) return false;
    failures.count += 1;
    failures.lastAt = now;
    if (this.#makeRoom(now)) this.#failing.set(host, failures);
    if (failures.count !== FAILURES_TO_OPEN) return false;
    failures.nextTestAt = now + TEST_INTERVAL_MS;
    return true;
  }

  /** A full map does not count new hosts: hosts that devices invent must not displace known hosts. */
  #makeRoom(now: number): boolean {
    if (this.#failing.size < MAXIMUM_HOSTS) return true;
    const [[host, { lastAt }] = ['', { lastAt: now }]] = this.#failing;
    return now - lastAt >= FORGET_AFTER_MS && this.#failing.delete(host);
  }
}
