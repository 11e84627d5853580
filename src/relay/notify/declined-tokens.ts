import type { Events } from '../events.js';
import type { Notifier } from './contract.js';

const REPORT_INTERVAL_MS = 60_000;

/** Reasons that are counted, for all types together. A notifier has a few. */
const MAXIMUM_REASONS = 64;

const PLAIN_WORD = /^[a-z][a-z0-9_]{0,47}$/;

/**
 * Emits `token.declined` for the first token that a notifier declines for a reason, and then once per minute: clients
 * must not be able to cause an event per request.
 */
export function createDeclinedTokenReporter(events: Events) {
  const states = new Map<string, { reportedAt: number; tokens: number }>();
  return (notifier: Notifier, tokenType: string, tokenData: string): void => {
    const reason = findReason(notifier, tokenData);
    const key = `${tokenType} ${reason}`;
    const state = states.get(key) ?? { reportedAt: Number.NEGATIVE_INFINITY, tokens: 0 };
    if (!states.has(key) && states.size >= MAXIMUM_REASONS) return;
    states.set(key, state);
    state.tokens += 1;
    const now = performance.now();
    if (now - state.reportedAt < REPORT_INTERVAL_MS) return;
    events.emit('token.declined', { tokenType, reason, tokens: state.tokens });
    state.reportedAt = now;
    state.tokens = 0;
  };
}

function findReason(notifier: Notifier, tokenData: string): string {
  let reason: unknown;
  try {
    reason = notifier.explainDecline?.(tokenData);
  } catch {
    // The notifier is a host's code, and the answer to the device does not depend on the reason.
  }
  return typeof reason === 'string' && PLAIN_WORD.test(reason) && !tokenData.includes(reason)
    ? reason
    : 'token_invalid';
}
