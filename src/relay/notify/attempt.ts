import { describeCause } from '../events.js';
import type { Notifier, Push, PushOutcome } from './contract.js';

/** The validated result of one attempt. */
export interface AttemptResult {
  readonly outcome: PushOutcome['outcome'];
  readonly code?: string;
  /** One day at most. */
  readonly retryAfterMs?: number;
  /** On a `retry` that does not count as a failure of the provider. */
  readonly fault?: 'token';
}

const DAY_MS = 86_400_000;

const OUTCOMES: readonly unknown[] = ['sent', 'retry', 'gone', 'rejected'] satisfies Array<PushOutcome['outcome']>;

/**
 * Sends one push. An error, or a call longer than `timeoutMs`, is a `retry`; an invalid outcome is `rejected`. Never
 * rejects. Aborting `controller` ends the attempt early.
 */
export function attemptPush(
  notifier: Notifier,
  push: Omit<Push, 'signal'>,
  timeoutMs: number,
  controller: AbortController,
): Promise<AttemptResult> {
  return new Promise((resolve) => {
    const { signal } = controller;
    const settle = (result: AttemptResult): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      resolve(result);
    };
    const onAbort = (): void => settle({ outcome: 'retry', code: 'closed' });
    const timer = setTimeout(() => {
      settle({ outcome: 'retry', code: 'timeout' });
      controller.abort();
    }, timeoutMs);
    timer.unref();
    signal.addEventListener('abort', onAbort);
    // Inside a promise, so that a synchronous error is handled like a rejection.
    new Promise<unknown>((done) => done(notifier.notify({ ...push, signal }))).then(
      (outcome) => settle(parseOutcome(outcome, push.tokenData)),
      (error) => settle({ outcome: 'retry', ...toCode(describeCause(error), push.tokenData) }),
    );
  });
}

function parseOutcome(value: unknown, tokenData: string): AttemptResult {
  const { outcome, code, retryAfterMs, fault } = Object(value) as Record<string, unknown>;
  if (!OUTCOMES.includes(outcome)) return { outcome: 'rejected', code: 'no_outcome' };
  const isTime = typeof retryAfterMs === 'number' && retryAfterMs >= 0;
  return {
    outcome: outcome as AttemptResult['outcome'],
    ...toCode(code, tokenData),
    ...(isTime ? { retryAfterMs: Math.min(retryAfterMs, DAY_MS) } : {}),
    ...(fault === 'token' ? { fault } : {}),
  };
}

const PLAIN_WORD = /^[A-Za-z][A-Za-z0-9_]{0,47}$/;

/** Events contain the code, so the code must be a plain word, and must not be part of the token. */
function toCode(code: unknown, tokenData: string): { readonly code?: string } {
  return typeof code === 'string' && PLAIN_WORD.test(code) && !tokenData.includes(code) ? { code } : {};
}
