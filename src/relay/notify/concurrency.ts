/** Bounds of the pushes of one service that are under way at once. */
export interface ConcurrencyLimits {
  /** Pushes that began less than `slowAfterMs` ago. */
  readonly concurrency: number;
  readonly slowAfterMs: number;
  /** All pushes. */
  readonly underWay: number;
  /** Pushes to tokens whose last push failed. */
  readonly retrying: number;
}

/** Counts the pushes that are under way. A push that hangs makes room for others before its time is up. */
export class ConcurrencyLimiter {
  readonly #bounds: ConcurrencyLimits;
  readonly #onSlow: () => void;
  #prompt = 0;
  #underWay = 0;
  #retrying = 0;

  /** `onSlow` is called when a push has taken so long that another may begin. */
  constructor(bounds: ConcurrencyLimits, onSlow: () => void) {
    this.#bounds = bounds;
    this.#onSlow = onSlow;
  }

  /** True if another push may begin. */
  isFree(isRetry: boolean): boolean {
    const { concurrency, underWay, retrying } = this.#bounds;
    if (isRetry && this.#retrying >= retrying) return false;
    return this.#prompt < concurrency && this.#underWay < underWay;
  }

  /** Takes a slot; the result releases it. */
  take(isRetry: boolean): () => void {
    let prompt = 1;
    const slow = (): void => {
      this.#prompt -= prompt;
      prompt = 0;
    };
    const timer = setTimeout(() => {
      slow();
      this.#onSlow();
    }, this.#bounds.slowAfterMs);
    timer.unref();
    this.#prompt += 1;
    this.#underWay += 1;
    this.#retrying += Number(isRetry);
    return () => {
      clearTimeout(timer);
      slow();
      this.#underWay -= 1;
      this.#retrying -= Number(isRetry);
    };
  }
}
