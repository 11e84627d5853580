import { describeCause } from '../events.js';
import type { Notifier, Push, PushOutcome } from './contract.js';

/** The result of one try, its words checked. */
export interface Attempt {
  readonly outcome: PushOutcome['outcome'];
  readonly code?: string;
  /** At most a day. */
  readonly retryAfterMs?: number;
  /** A `retry` that says nothing of the provider. */
  readonly fault?: 'token';
}

const DAY_MS = 86_400_000;

const OUTCOMES: readonly unknown[] = ['sent', 'retry', 'gone', 'rejected'] satisfies Array<PushOutcome['outcome']>;

/**
 * Tries one push. What throws, or takes longer than `timeoutMs`, is a `retry`; what is no outcome is `rejected`. Never
 * rejects. Aborting `controller` ends it early.
 */
export function attemptPush(
  notifier: Notifier,
  push: Omit<Push, 'signal'>,
  timeoutMs: number,
  controller: AbortController,
): Promise<Attempt> {
  return new Promise((resolve) => {
    const { signal } = controller;
    const settle = (result: Attempt): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', stopped);
      resolve(result);
    };
    const stopped = (): void => settle({ outcome: 'retry', code: 'closed' });
    const timer = setTimeout(() => {
      settle({ outcome: 'retry', code: 'timeout' });
      controller.abort();
    }, timeoutMs);
    timer.unref();
    signal.addEventListener('abort', stopped);
    // Inside a promise, so that what a notifier throws at once is treated as what it rejects with.
    new Promise<unknown>((answer) => answer(notifier.notify({ ...push, signal }))).then(
      (answer) => settle(checked(answer, push.tokenData)),
      (error) => settle({ outcome: 'retry', ...toCode(describeCause(error), push.tokenData) }),
    );
  });
}

function checked(answer: unknown, tokenData: string): Attempt {
  const { outcome, code, retryAfterMs, fault } = Object(answer) as Record<string, unknown>;
  if (!OUTCOMES.includes(outcome)) return { outcome: 'rejected', code: 'no_outcome' };
  const isTime = typeof retryAfterMs === 'number' && retryAfterMs >= 0;
  return {
    outcome: outcome as Attempt['outcome'],
    ...toCode(code, tokenData),
    ...(isTime ? { retryAfterMs: Math.min(retryAfterMs, DAY_MS) } : {}),
    ...(fault === 'token' ? { fault } : {}),
  };
}

const PLAIN_WORD = /^[A-Za-z][A-Za-z0-9_]{0,47}$/;

/** A provider's word goes to events: only if it looks like one, and is no part of the token. */
function toCode(code: unknown, tokenData: string): { readonly code?: string } {
  return typeof code === 'string' && PLAIN_WORD.test(code) && !tokenData.includes(code) ? { code } : {};
}
