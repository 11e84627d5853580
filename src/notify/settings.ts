/** Bounds of the queue. */
export interface PushSettings {
  /** Lanes that may wait at once. Default 1,000. */
  readonly lanes: number;
  /** Pushes under way at once, for each notifier. Default 8. */
  readonly concurrency: number;
  /** Milliseconds for one try. Default 5,000. */
  readonly timeoutMs: number;
  /** Milliseconds between the beginnings of two pushes of a lane. Default 2,000. */
  readonly intervalMs: number;
  /** Further tries after one that failed. Default 3. */
  readonly retries: number;
  /** The range of pauses before another try, in ms: they double, and are random from 0. Default 500 to 30,000. */
  readonly pauseMs: readonly [first: number, longest: number];
  /** Milliseconds after which a push is of no use. Default 600,000. */
  readonly lifetimeMs: number;
}

/** The settings of every relay. */
export const DEFAULTS: PushSettings = {
  lanes: 1_000,
  concurrency: 8,
  timeoutMs: 5_000,
  intervalMs: 2_000,
  retries: 3,
  pauseMs: [500, 30_000],
  lifetimeMs: 600_000,
};
