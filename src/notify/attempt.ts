import { causeOf } from '../events.js';
import type { Notifier, Push, PushOutcome } from './contract.js';

const OUTCOMES = ['sent', 'retry', 'gone', 'rejected'];
const PLAIN_WORD = /^[A-Za-z0-9_]{1,64}$/;

/** What became of one try: the notifier's own outcome, its words checked. */
export type Attempt = PushOutcome & { readonly code?: string; readonly retryAfterMs?: number };

/**
 * Tries one push. What throws, or takes longer than `timeoutMs`, is a `retry`; what is no outcome is `rejected`. Never
 * rejects. `stop` ends it early.
 */
export async function attempt(
  notifier: Notifier,
  push: Omit<Push, 'signal'>,
  timeoutMs: number,
  stop: AbortSignal,
): Promise<Attempt> {
  const signal = AbortSignal.any([stop, AbortSignal.timeout(timeoutMs)]);
  let tooLate: (() => void) | undefined;
  const late = new Promise<Attempt>((resolve) => {
    tooLate = () => resolve({ outcome: 'retry', code: stop.aborted ? 'closed' : 'timeout' });
    if (signal.aborted) tooLate();
    else signal.addEventListener('abort', tooLate);
  });
  try {
    return await Promise.race([checked(notifier, { ...push, signal }), late]);
  } catch (error) {
    return { outcome: 'retry', code: causeOf(error) };
  } finally {
    if (tooLate !== undefined) signal.removeEventListener('abort', tooLate);
  }
}

async function checked(notifier: Notifier, push: Push): Promise<Attempt> {
  const answer: unknown = await notifier.notify(push);
  const { outcome, code, retryAfterMs } = (answer ?? {}) as Record<string, unknown>;
  if (!OUTCOMES.includes(outcome as string)) return { outcome: 'rejected', code: 'no_outcome' };
  return {
    outcome: outcome as Attempt['outcome'],
    // A word of a provider goes to events: only if it looks like one.
    ...(typeof code === 'string' && PLAIN_WORD.test(code) ? { code } : {}),
    ...(typeof retryAfterMs === 'number' && retryAfterMs >= 0 ? { retryAfterMs } : {}),
  } as Attempt;
}
