import type { ConcurrencyLimits } from './concurrency.js';

/** Bounds of the queue of pushes. */
export interface PushSettings extends ConcurrencyLimits {
  /** Pushes that may wait at once. */
  readonly waiting: number;
  /** Tokens whose last push is remembered, as digests. */
  readonly tokens: number;
  /** Milliseconds for one try. */
  readonly timeoutMs: number;
  /** Milliseconds between the beginnings of two pushes to one token. */
  readonly intervalMs: number;
  /** Further tries after one that failed. */
  readonly retries: number;
  /** Milliseconds: bounds of the random pause after a failure; the first is multiplied by four with each in a row. */
  readonly pauseMs: readonly [first: number, longest: number];
  /** Milliseconds after which a push is given up. */
  readonly lifetimeMs: number;
}

/** The settings of every relay. */
export const PUSH_SETTINGS: PushSettings = {
  waiting: 1_000,
  tokens: 10_000,
  concurrency: 8,
  slowAfterMs: 1_000,
  underWay: 32,
  retrying: 2,
  timeoutMs: 5_000,
  intervalMs: 2_000,
  retries: 3,
  pauseMs: [500, 30_000],
  lifetimeMs: 600_000,
};
