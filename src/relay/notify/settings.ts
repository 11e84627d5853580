import type { ConcurrencyLimits } from './concurrency.js';

/** Limits and times of the push queue. */
export interface PushSettings extends ConcurrencyLimits {
  /** Pushes that wait. */
  readonly maximumWaiting: number;
  /** Devices whose last push the queue remembers, by the digest of the token. */
  readonly maximumDevices: number;
  /** Timeout of one attempt, in ms. */
  readonly timeoutMs: number;
  /** Minimum time between the starts of two pushes to one device, in ms. */
  readonly intervalMs: number;
  /** Attempts after the first one. */
  readonly retries: number;
  /** Bounds of the random backoff after a failure, in ms. The first bound grows fourfold per failure in a row. */
  readonly backoffMs: readonly [first: number, longest: number];
  /** The queue drops a push of this age, in ms. */
  readonly lifetimeMs: number;
}

export const PUSH_SETTINGS: PushSettings = {
  maximumWaiting: 1_000,
  maximumDevices: 10_000,
  concurrency: 8,
  slowAfterMs: 1_000,
  maximumInFlight: 32,
  maximumRetriesInFlight: 2,
  timeoutMs: 5_000,
  intervalMs: 2_000,
  retries: 3,
  backoffMs: [500, 30_000],
  lifetimeMs: 600_000,
};
