import { TransferError } from './errors.js';
import type { WireResponse } from './http-message.js';
import { parseRetryAfter } from './response-headers.js';
import { delay, monotonicNow, throwIfAborted } from './timing.js';

/** When and how often the client repeats a request. */
export interface RetryPolicy {
  /** Maximum number of tries. Default: no limit. */
  readonly attempts?: number | undefined;
  /** Milliseconds after the first try in which the client may start another. Default: no limit. */
  readonly retryTimeoutMs?: number | undefined;
  /** Upper bound of the first random pause, in ms; each retry doubles the bound. */
  readonly retryDelayMs: number;
  /** Longest accepted `Retry-After`, in ms. After a longer one, `retry` returns the response. */
  readonly longestPauseMs: number;
  /** True for a response that says nothing about the request, such as 503. */
  readonly isRetryable: (reply: WireResponse) => boolean;
  readonly signal?: AbortSignal | undefined;
  /** Called before each pause. */
  readonly onRetry?: ((pauseMs: number, status: number | undefined) => void) | undefined;
}

/** A response, and the number of tries before it arrived. */
export interface RetriedResponse {
  readonly reply: WireResponse;
  readonly attempts: number;
}

/** No response arrived in any of the tries. The `cause` is the error of the last try. */
export class RelayUnreachable extends Error {
  override readonly name = 'RelayUnreachable';
}

const LONGEST_BACK_OFF_MS = 30_000;

/**
 * Calls `send` until a response is not retryable. Resolves to the last response when the tries or the time are used up.
 * Throws {@link RelayUnreachable} if the last try had no response, the reason of the signal, or a `TransferError`
 * at once.
 */
export async function retry(send: () => Promise<WireResponse>, policy: RetryPolicy): Promise<RetriedResponse> {
  const { attempts: maximumAttempts = Infinity, retryTimeoutMs = Infinity } = policy;
  const end = monotonicNow() + retryTimeoutMs;
  for (let attempts = 1; ; attempts += 1) {
    let pauseMs = getRetryDelay(attempts, policy.retryDelayMs);
    let reply: WireResponse | undefined;
    let cause: unknown;
    try {
      reply = await send();
      const requestedMs = parseRetryAfter(reply);
      if (!policy.isRetryable(reply) || requestedMs > policy.longestPauseMs) return { reply, attempts };
      // The random part keeps clients from retrying at the same moment.
      if (requestedMs > 0) pauseMs += requestedMs;
    } catch (error) {
      throwIfAborted(policy.signal);
      // A redirect, or arguments that `fetch` refuses: a retry would get the same result.
      if (error instanceof TransferError) throw error;
      cause = error;
    }
    if (attempts >= maximumAttempts || monotonicNow() + pauseMs > end) {
      if (reply !== undefined) return { reply, attempts };
      throw new RelayUnreachable('The relay did not answer.', { cause });
    }
    policy.onRetry?.(pauseMs, reply?.status);
    await delay(pauseMs, policy.signal);
  }
}

/** A random pause before the next try, in ms; its upper bound doubles with each failure. */
export function getRetryDelay(failures: number, retryDelayMs: number): number {
  return Math.random() * Math.min(LONGEST_BACK_OFF_MS, retryDelayMs * 2 ** (failures - 1));
}
