import { formatExpiration, parseExpiration } from '../../protocol/expiration.js';
import { bodyInvalid, RelayError } from '../errors.js';

/** How long mailboxes live. All values in whole seconds. */
export interface LifetimePolicy {
  /** Lifetime of a mailbox whose request brings no expiration. */
  readonly defaultSeconds: number;
  /** Longest lifetime a request may ask for. */
  readonly maximumSeconds: number;
  /** What a longer wish gets: a 400 that names the maximum, or the maximum. */
  readonly overMaximum: 'reject' | 'clamp';
}

/** Place of the expiration in a create body, for error reports. */
const FIELD = 'mailboxConfiguration.expiration';

/**
 * The deadline of a new mailbox (Unix time in ms, whole seconds), from what the request asks for and the policy. Throws
 * `body_invalid` for a malformed time, `expiration_out_of_range` for one that is not ahead, or too far ahead.
 */
export function resolveDeadline(requested: string | undefined, policy: LifetimePolicy, now: number): number {
  const second = Math.floor(now / 1000) * 1000;
  if (requested === undefined) return second + policy.defaultSeconds * 1000;
  const time = parseExpiration(requested);
  if (Number.isNaN(time)) throw bodyInvalid(FIELD, `${FIELD} must be a real time of the form YYYY-MM-DDThh:mm:ssZ.`);
  const maximum = second + policy.maximumSeconds * 1000;
  if (time > now && time <= maximum) return time;
  if (time > maximum && policy.overMaximum === 'clamp') return maximum;
  throw createOutOfRangeError(maximum);
}

/** Throws `expiration_out_of_range` if the deadline of a new mailbox has come in the meantime. */
export function assertInFuture(deadline: number, policy: LifetimePolicy, now: number): void {
  if (deadline <= now) throw createOutOfRangeError(Math.floor(now / 1000) * 1000 + policy.maximumSeconds * 1000);
}

function createOutOfRangeError(maximum: number): RelayError {
  return new RelayError('expiration_out_of_range', { members: { field: FIELD, maximum: formatExpiration(maximum) } });
}
