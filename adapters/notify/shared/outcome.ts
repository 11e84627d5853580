import type { PushOutcome } from '../../../src/relay/notify/contract.js';

/** A push that came to an end before the provider decided on it; `outcome` says what that means. */
export class PushFailure extends Error {
  override readonly name = 'PushFailure';
  readonly code: string | undefined;
  constructor(readonly outcome: PushOutcome) {
    super('The push was not sent.');
    this.code = 'code' in outcome ? outcome.code : undefined;
  }
}

/** Longest wait that is passed on, 24 h: a timer of more than 24 days would fire at once. */
const MAXIMUM_WAIT_MS = 24 * 60 * 60 * 1000;

/**
 * Seconds that a provider keeps a push for a device that is away: a day, for every push. Anything that follows the end of
 * the mailbox would be the same for its two devices, and show the provider that they belong together.
 */
export const PUSH_TTL_SECONDS = 86_400;

const WEEKDAY = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)/;

/**
 * Milliseconds that a `Retry-After` header asks for: seconds, or a date in one of the three forms of HTTP (RFC 9110
 * §10.2.3, §5.6.7), counted from `now` (Unix time in ms). A date that has passed is 0; at most 24 h; undefined for
 * anything else.
 */
export function parseRetryAfterMs(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,12}$/.test(header)) return Math.min(Number(header) * 1000, MAXIMUM_WAIT_MS);
  if (!WEEKDAY.test(header)) return undefined;
  // The asctime form names no zone, and is in GMT.
  const at = Date.parse(header.endsWith('GMT') ? header : `${header} GMT`);
  return Number.isNaN(at) ? undefined : Math.min(Math.max(0, at - now), MAXIMUM_WAIT_MS);
}

/** So many characters in common with the token, and a word is no word of the provider's. */
const MINIMUM_OVERLAP_CHARACTERS = 8;

/**
 * A provider's own word for an outcome, if it is one: letters, digits and `_`, 64 at most, and no part of the token,
 * which a confused provider might echo.
 */
export function toSafeCode(value: unknown, tokenData: string): string | undefined {
  if (typeof value !== 'string' || !/^[A-Za-z][A-Za-z0-9_]{0,63}$/.test(value)) return undefined;
  const length = Math.min(MINIMUM_OVERLAP_CHARACTERS, value.length, Math.max(1, tokenData.length));
  for (let at = 0; at + length <= value.length; at += 1) {
    if (tokenData.includes(value.slice(at, at + length))) return undefined;
  }
  return value;
}

/** The word for an answer that brings none of its own, such as `http_502`. */
export function toStatusCode(status: number): string {
  return `http_${status}`;
}

/** The status of an answer that concerns one device: it may be over its limit, and all others are not (RFC 6585 §4). */
const TOO_MANY_REQUESTS = 429;

/** True for the answers after which a later try may fare better: 429 and 5xx. */
export function isTransient(status: number): boolean {
  return status === TOO_MANY_REQUESTS || status >= 500;
}

/** An outcome after which the push is tried again. */
export type Retry = Extract<PushOutcome, { readonly outcome: 'retry' }>;

/** The outcome `retry`, with a wait if there is one. */
export function createRetry(code: string, afterMs?: number | undefined): Retry {
  return afterMs === undefined ? { outcome: 'retry', code } : { outcome: 'retry', retryAfterMs: afterMs, code };
}

/** The outcome of an answer of 429 or 5xx to a push: of these, 429 says nothing of the provider. */
export function createStatusRetry(status: number, code: string, afterMs: number | undefined): Retry {
  const outcome = createRetry(code, afterMs);
  return status === TOO_MANY_REQUESTS ? { ...outcome, fault: 'token' } : outcome;
}

/** The outcome of an answer that is judged by its status alone. `now` is Unix time in ms. */
export function toOutcome(
  { status, retryAfter }: { readonly status: number; readonly retryAfter: string | undefined },
  gone: readonly number[],
  now: number,
): PushOutcome {
  if (status >= 200 && status < 300) return { outcome: 'sent' };
  const code = toStatusCode(status);
  if (isTransient(status)) return createStatusRetry(status, code, parseRetryAfterMs(retryAfter, now));
  return { outcome: gone.includes(status) ? 'gone' : 'rejected', code };
}

/**
 * Runs one push and turns whatever it throws into an outcome. Errors of libraries hold requests, and so tokens: only
 * their code or class name goes further.
 */
export async function runPush(push: () => Promise<PushOutcome>): Promise<PushOutcome> {
  try {
    return await push();
  } catch (error) {
    return error instanceof PushFailure ? error.outcome : createRetry(toErrorCode(error));
  }
}

/** The `code` of an error such as ECONNREFUSED, or the name of its class. */
export function toErrorCode(error: unknown): string {
  if (!(error instanceof Error)) return 'failed';
  const words = ['code' in error ? error.code : undefined, error.name];
  return (
    words.find((word): word is string => typeof word === 'string' && /^[A-Za-z0-9_]{1,64}$/.test(word)) ?? 'failed'
  );
}
