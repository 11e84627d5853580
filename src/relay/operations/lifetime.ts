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
  if (Number.isNaN(time)) throw bodyInvalid(FIELD, `${FIELD} ${describeTimeFault(requested)}.`);
  const maximum = second + policy.maximumSeconds * 1000;
  if (time > now && time <= maximum) return time;
  if (time > maximum && policy.overMaximum === 'clamp') return maximum;
  throw createOutOfRangeError(maximum);
}

/** The date and time of day in most notations of a time, and the rest of the text. */
const DATE_AND_TIME = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(?<seconds>:\d\d)?(?<fraction>[.,]\d+)?(?<zone>.*)$/s;

/** The rule that a text breaks, for a text that is not a time of the protocol. Never repeats the text. */
function describeTimeFault(text: string): string {
  const { seconds, fraction, zone } = DATE_AND_TIME.exec(text)?.groups ?? {};
  const rule = `must be a valid time of the form YYYY-MM-DDThh:mm:ssZ`;
  if (/^\d{9,16}$/.test(text)) return `${rule}, not a number of seconds or milliseconds`;
  if (zone === undefined) return rule;
  if (seconds === undefined) return `${rule}, with the seconds`;
  // `Date.toISOString` writes milliseconds.
  if (fraction !== undefined) return `${rule}, without the fraction of a second`;
  if (zone === '') return `${rule}: the Z for UTC is missing`;
  if (/^[+-]\d\d:?\d\d$/.test(zone)) return `${rule}: in UTC, with Z in place of the offset`;
  if (/^[Zz]$/.test(zone) && !text.includes('T')) return `${rule}, with a capital T before the time of day`;
  if (zone === 'z') return `${rule}, with a capital Z`;
  return zone === 'Z' ? `${rule}: there is no such day or time of day` : rule;
}

/** Throws `expiration_out_of_range` if the deadline has passed. */
export function assertInFuture(deadline: number, policy: LifetimePolicy, now: number): void {
  if (deadline <= now) throw createOutOfRangeError(Math.floor(now / 1000) * 1000 + policy.maximumSeconds * 1000);
}

function createOutOfRangeError(maximum: number): RelayError {
  return new RelayError('expiration_out_of_range', { members: { field: FIELD, maximum: formatExpiration(maximum) } });
}
