/** Bounds of the queue of pushes. */
export interface PushSettings {
  /** Pushes that may wait at once; the oldest makes room. */
  readonly waiting: number;
  /** Pushes under way at once, for each notifier. */
  readonly concurrency: number;
  /** Milliseconds for one try. */
  readonly timeoutMs: number;
  /** Milliseconds between the beginnings of two pushes to one device of one mailbox. */
  readonly intervalMs: number;
  /** Further tries after one that failed. */
  readonly retries: number;
  /** Milliseconds: bounds of the random pause after a failure; the first is multiplied by four with each in a row. */
  readonly pauseMs: readonly [first: number, longest: number];
  /** Milliseconds after which a push is given up. */
  readonly lifetimeMs: number;
}

/** What every relay uses. */
export const PUSH_SETTINGS: PushSettings = {
  waiting: 1_000,
  concurrency: 8,
  timeoutMs: 5_000,
  intervalMs: 2_000,
  retries: 3,
  pauseMs: [500, 30_000],
  lifetimeMs: 600_000,
};
