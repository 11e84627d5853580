/** Limits of the pushes in flight to one service. */
export interface ConcurrencyLimits {
  /** Pushes that started less than `slowAfterMs` ago. */
  readonly concurrency: number;
  readonly slowAfterMs: number;
  /** All pushes in flight. */
  readonly maximumInFlight: number;
  /** Pushes in flight to devices whose last push failed. */
  readonly maximumRetriesInFlight: number;
}

/** Counts the pushes in flight. A push that hangs stops counting against `concurrency` before its timeout. */
export class ConcurrencyLimiter {
  readonly #limits: ConcurrencyLimits;
  readonly #onSlow: () => void;
  /** Pushes in flight that are not slow yet. */
  #fast = 0;
  #inFlight = 0;
  #retries = 0;

  /** Calls `onSlow` when a push becomes slow, so that another push may start. */
  constructor(limits: ConcurrencyLimits, onSlow: () => void) {
    this.#limits = limits;
    this.#onSlow = onSlow;
  }

  hasFreeSlot(isRetry: boolean): boolean {
    const { concurrency, maximumInFlight, maximumRetriesInFlight } = this.#limits;
    if (isRetry && this.#retries >= maximumRetriesInFlight) return false;
    return this.#fast < concurrency && this.#inFlight < maximumInFlight;
  }

  /** Occupies a slot. Returns the function that releases the slot. */
  acquire(isRetry: boolean): () => void {
    let isFast = true;
    const markSlow = (): void => {
      if (isFast) this.#fast -= 1;
      isFast = false;
    };
    const timer = setTimeout(() => {
      markSlow();
      this.#onSlow();
    }, this.#limits.slowAfterMs);
    timer.unref();
    this.#fast += 1;
    this.#inFlight += 1;
    this.#retries += Number(isRetry);
    return () => {
      clearTimeout(timer);
      markSlow();
      this.#inFlight -= 1;
      this.#retries -= Number(isRetry);
    };
  }
}
