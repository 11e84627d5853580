import type { PushOutcome } from '../../../src/relay/notify/contract.js';
import { PackageError } from '../../shared/import-package.js';

/** A push ended before the provider decided on it. */
export class PushFailure extends Error {
  override readonly name = 'PushFailure';
  readonly code: string | undefined;
  constructor(readonly outcome: PushOutcome) {
    super('The push was not sent.');
    this.code = 'code' in outcome ? outcome.code : undefined;
  }
}

/** Longest accepted wait, 24 h. Node fires a timer of more than 24 days at once. */
const MAXIMUM_WAIT_MS = 24 * 60 * 60 * 1000;

/**
 * Seconds for which a provider keeps a push for an offline device. The same day for every push: a time that depends on
 * the expiration of the mailbox would link its two devices for the provider.
 */
export const PUSH_TTL_SECONDS = 86_400;

const WEEKDAY = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)/;

/**
 * Parses a `Retry-After` header into ms after `now` (Unix time in ms): seconds, or a date in one of the three forms of
 * RFC 9110 §5.6.7 (§10.2.3). Returns 0 for a past date, at most 24 h, and `undefined` for any other value.
 */
export function parseRetryAfterMs(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,12}$/.test(header)) return Math.min(Number(header) * 1000, MAXIMUM_WAIT_MS);
  if (!WEEKDAY.test(header)) return undefined;
  // The asctime form names no zone and is in GMT.
  const at = Date.parse(header.endsWith('GMT') ? header : `${header} GMT`);
  return Number.isNaN(at) ? undefined : Math.min(Math.max(0, at - now), MAXIMUM_WAIT_MS);
}

/** A value that shares this many characters with the token counts as an echo of the token. */
const MINIMUM_OVERLAP_CHARACTERS = 8;

/**
 * Returns a provider's error code if it is safe to report: at most 64 letters, digits and `_`, without any part of the
 * token, which a faulty provider might echo.
 */
export function toSafeCode(value: unknown, tokenData: string): string | undefined {
  if (typeof value !== 'string' || !/^[A-Za-z][A-Za-z0-9_]{0,63}$/.test(value)) return undefined;
  const length = Math.min(MINIMUM_OVERLAP_CHARACTERS, value.length, Math.max(1, tokenData.length));
  for (let at = 0; at + length <= value.length; at += 1) {
    if (tokenData.includes(value.slice(at, at + length))) return undefined;
  }
  return value;
}

/** The code for a response without its own code, such as `http_502`. */
export function toStatusCode(status: number): string {
  return `http_${status}`;
}

/** RFC 6585 §4. Concerns one device, while other devices may be below their limits. */
const TOO_MANY_REQUESTS = 429;

/** True for the statuses 429 and 5xx, after which the relay tries again. */
export function isTransient(status: number): boolean {
  return status === TOO_MANY_REQUESTS || status >= 500;
}

/** An outcome after which the relay sends the push again. */
export type Retry = Extract<PushOutcome, { readonly outcome: 'retry' }>;

export function createRetry(code: string, afterMs?: number | undefined): Retry {
  return afterMs === undefined ? { outcome: 'retry', code } : { outcome: 'retry', retryAfterMs: afterMs, code };
}

/** The outcome of a push with the status 429 or 5xx. A 429 is no sign of an outage of the provider. */
export function createStatusRetry(status: number, code: string, afterMs: number | undefined): Retry {
  const outcome = createRetry(code, afterMs);
  return status === TOO_MANY_REQUESTS ? { ...outcome, fault: 'token' } : outcome;
}

/** The outcome of a response if only its status matters. `now` is Unix time in ms. */
export function toOutcome(
  { status, retryAfter }: { readonly status: number; readonly retryAfter: string | undefined },
  goneStatuses: readonly number[],
  now: number,
): PushOutcome {
  if (status >= 200 && status < 300) return { outcome: 'sent' };
  const code = toStatusCode(status);
  if (isTransient(status)) return createStatusRetry(status, code, parseRetryAfterMs(retryAfter, now));
  return { outcome: goneStatuses.includes(status) ? 'gone' : 'rejected', code };
}

/**
 * Runs one push and turns each error into an outcome. Errors of libraries hold requests and so tokens: only their code
 * or class name is reported.
 */
export async function runPush(push: () => Promise<PushOutcome>): Promise<PushOutcome> {
  try {
    return await push();
  } catch (error) {
    if (error instanceof PushFailure) return error.outcome;
    // Another attempt finds the same packages.
    if (error instanceof PackageError) return { outcome: 'rejected', code: error.code };
    return createRetry(toErrorCode(error));
  }
}

/** The `code` of an error, such as ECONNREFUSED, or the name of its class. */
export function toErrorCode(error: unknown): string {
  if (!(error instanceof Error)) return 'failed';
  const names = ['code' in error ? error.code : undefined, error.name];
  return (
    names.find((name): name is string => typeof name === 'string' && /^[A-Za-z0-9_]{1,64}$/.test(name)) ?? 'failed'
  );
}
