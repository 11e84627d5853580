import { RelayError } from '../errors.js';

/** How long mailboxes live. All values in whole seconds. */
export interface LifetimePolicy {
  /** Lifetime of a mailbox whose request brings no expiration. */
  readonly defaultSeconds: number;
  /** Longest lifetime a request may ask for. */
  readonly maximumSeconds: number;
  /** What a longer wish gets: a 400 that names the maximum, or the maximum. */
  readonly beyondMaximum: 'reject' | 'shorten';
}

const FORM = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z$/;

/** Unix time in ms of an RFC 3339 UTC time of exactly the form `YYYY-MM-DDThh:mm:ssZ`; NaN for anything else. */
export function parseExpiration(text: string): number {
  if (!FORM.test(text)) return Number.NaN;
  const time = Date.parse(text);
  // Date.parse rolls 30 February over into March: only a real date comes back as it was written.
  return Number.isNaN(time) || formatExpiration(time) !== text ? Number.NaN : time;
}

/** The wire form of a deadline (Unix time in ms, whole seconds). */
export function formatExpiration(time: number): string {
  return `${new Date(time).toISOString().slice(0, 19)}Z`;
}

/**
 * The deadline of a new mailbox (Unix time in ms, whole seconds), from the time that the request asks for (ms) and the
 * policy. Throws `expiration_out_of_range` for a time that is not ahead, or too far ahead.
 */
export function deadlineFor(requested: number | undefined, policy: LifetimePolicy, now: number): number {
  const second = Math.floor(now / 1000) * 1000;
  if (requested === undefined) return second + policy.defaultSeconds * 1000;
  const maximum = second + policy.maximumSeconds * 1000;
  if (requested > now && requested <= maximum) return requested;
  if (requested > maximum && policy.beyondMaximum === 'shorten') return maximum;
  throw new RelayError('expiration_out_of_range', {
    members: { field: 'mailboxConfiguration.expiration', maximum: formatExpiration(maximum) },
  });
}
