/* Pauses after failed requests, so that concurrent requests do not all retry a failing server at once. */

/** Pause in ms after a failed fetch, if the server asks for no other. */
export const BACKOFF_MS = 1000;

/** Longest accepted `Retry-After` in ms. */
export const MAXIMUM_BACKOFF_MS = 30_000;

/** Longest chain of causes that {@link getErrorChain} follows. */
const MAXIMUM_CHAIN_LENGTH = 5;

/** A fetch failed, now or less than a pause ago. */
export class FetchFailed extends Error {
  override readonly name = 'FetchFailed';

  constructor(
    cause: unknown,
    /** Whole seconds until the next attempt. */
    readonly retryAfterSeconds: number,
  ) {
    super('The fetch failed.', { cause });
  }
}

/** The last failure of one server. All times are Unix times in ms. */
export interface Backoff {
  /** Starts a pause at the time `now`. Returns the error for the current request. */
  start(cause: unknown, now: number, pauseMs: number): FetchFailed;
  /** Returns the error for a request at the time `now` during a pause, else `undefined`. */
  getFailure(now: number): FetchFailed | undefined;
  clear(): void;
}

export function createBackoff(): Backoff {
  let last: { readonly cause: unknown; readonly at: number; readonly pauseMs: number } | undefined;
  const toFailure = (cause: unknown, ms: number): FetchFailed =>
    new FetchFailed(cause, Math.max(1, Math.ceil(ms / 1000)));
  return {
    start(cause, now, pauseMs) {
      last = { cause, at: now, pauseMs };
      return toFailure(cause, pauseMs);
    },
    getFailure(now) {
      if (last === undefined) return undefined;
      // The absolute distance, so that a clock that was set back does not lengthen the pause.
      const leftMs = last.pauseMs - Math.abs(now - last.at);
      return leftMs > 0 ? toFailure(last.cause, leftMs) : undefined;
    },
    clear() {
      last = undefined;
    },
  };
}

/**
 * Reads the `Retry-After` (RFC 9110 §10.2.3) of the response in an error, in ms, limited to {@link BACKOFF_MS} and
 * {@link MAXIMUM_BACKOFF_MS}. Returns `undefined` if the error has no such header.
 */
export function parseRetryAfterMs(error: unknown, now: number): number | undefined {
  const value = getResponseHeaders(error)?.get('retry-after');
  if (value === undefined || value === null) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, BACKOFF_MS), MAXIMUM_BACKOFF_MS);
}

/** Returns an error with its causes. openid-client wraps errors of fetch and unexpected responses. */
export function getErrorChain(error: unknown): readonly object[] {
  const chain: object[] = [];
  let link = error;
  while (typeof link === 'object' && link !== null && chain.length < MAXIMUM_CHAIN_LENGTH) {
    chain.push(link);
    link = Reflect.get(link, 'cause');
  }
  return chain;
}

/** Returns the headers of the response in an error. */
function getResponseHeaders(error: unknown): Headers | undefined {
  for (const link of getErrorChain(error)) {
    for (const response of [link, Reflect.get(link, 'response')]) {
      if (response instanceof Response) return response.headers;
    }
  }
  return undefined;
}
