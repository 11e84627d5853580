import { formatExpiration, parseExpiration } from '../../protocol/expiration.js';
import { bodyInvalid, RelayError } from '../errors.js';

/** The lifetime of mailboxes, in whole seconds. */
export interface LifetimePolicy {
  /** Lifetime of a mailbox whose request has no expiration. */
  readonly defaultSeconds: number;
  /** Longest lifetime of a mailbox. */
  readonly maximumSeconds: number;
  /** For a longer lifetime: `reject` answers 400 with the maximum, `clamp` shortens the lifetime to the maximum. */
  readonly overMaximum: 'reject' | 'clamp';
}

/** Path of the expiration in a create body. */
const FIELD = 'mailboxConfiguration.expiration';

/**
 * The deadline of a new mailbox (Unix time in ms, whole seconds), from the expiration of the request and the policy.
 * Throws `body_invalid` for a malformed time, `expiration_out_of_range` for a time in the past or beyond the maximum.
 */
export function resolveDeadline(requested: string | undefined, policy: LifetimePolicy, now: number): number {
  const second = Math.floor(now / 1000) * 1000;
  if (requested === undefined) return second + policy.defaultSeconds * 1000;
  const time = parseExpiration(requested);
  if (Number.isNaN(time)) throw bodyInvalid(FIELD, `${FIELD} must be a valid time of the form YYYY-MM-DDThh:mm:ssZ.`);
  const maximum = second + policy.maximumSeconds * 1000;
  if (time > now && time <= maximum) return time;
  if (time > maximum && policy.overMaximum === 'clamp') return maximum;
  throw createOutOfRangeError(maximum);
}

/** Throws `expiration_out_of_range` if the deadline has passed. */
export function assertInFuture(deadline: number, policy: LifetimePolicy, now: number): void {
  if (deadline <= now) throw createOutOfRangeError(Math.floor(now / 1000) * 1000 + policy.maximumSeconds * 1000);
}

function createOutOfRangeError(maximum: number): RelayError {
  return new RelayError('expiration_out_of_range', { members: { field: FIELD, maximum: formatExpiration(maximum) } });
}
