import { getResponseHeaders } from './error-chain.js';

/** Time in ms in which a fetch that failed is not tried again. */
export const BACKOFF_MS = 1000;

/** Longest pause in ms that a server can ask for by Retry-After. */
export const MAXIMUM_BACKOFF_MS = 30_000;

/** A fetch failed, just now or a moment ago. `cause` is what went wrong with it. */
export class FetchFailed extends Error {
  override readonly name = 'FetchFailed';

  constructor(
    cause: unknown,
    /** Whole seconds until it is tried again. */
    readonly retryAfterSeconds: number,
  ) {
    super('The fetch failed.', { cause });
  }
}

/** Remembers that a server failed, so that it is not asked again at once by everybody who waits for an answer. */
export interface Backoff {
  /** Notes a failure at the time `now`, and returns what is thrown for it. */
  start(cause: unknown, now: number, pauseMs: number): FetchFailed;
  /** What is thrown at the time `now` instead of asking; `undefined` if the server may be asked. */
  getFailure(now: number): FetchFailed | undefined;
  clear(): void;
}

/** Makes a memory of one failure. All times are Unix times in ms. */
export function createBackoff(): Backoff {
  let last: { readonly cause: unknown; readonly at: number; readonly pauseMs: number } | undefined;
  const failed = (cause: unknown, ms: number): FetchFailed => new FetchFailed(cause, Math.max(1, Math.ceil(ms / 1000)));
  return {
    start(cause, now, pauseMs) {
      last = { cause, at: now, pauseMs };
      return failed(cause, pauseMs);
    },
    getFailure(now) {
      if (last === undefined) return undefined;
      // The distance, for a clock that was put back.
      const leftMs = last.pauseMs - Math.abs(now - last.at);
      return leftMs > 0 ? failed(last.cause, leftMs) : undefined;
    },
    clear() {
      last = undefined;
    },
  };
}

/**
 * The pause in ms that the answer with which a server failed asks for (RFC 9110 §10.2.3), at most {@link MAXIMUM_BACKOFF_MS};
 * `undefined` if it asks for none.
 */
export function parseRetryAfterMs(error: unknown, now: number): number | undefined {
  const value = getResponseHeaders(error)?.get('retry-after');
  if (value === undefined || value === null) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, BACKOFF_MS), MAXIMUM_BACKOFF_MS);
}
