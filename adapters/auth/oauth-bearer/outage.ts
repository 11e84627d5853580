import { RelayError } from '../../../src/relay/errors.js';
import { BACKOFF_MS, FetchFailed, getErrorChain, parseRetryAfterMs } from '../shared/backoff.js';
import { KeyLookupThrottled } from '../shared/key-set.js';

/** The failed step, for the event `hook.failed`. */
export type OutageCode =
  | 'oauth_discovery_failed'
  | 'oauth_keys_failed'
  | 'oauth_key_unknown'
  | 'oauth_introspection_failed'
  | 'oauth_introspection_busy'
  | 'oauth_client_refused';

export class AuthorizationServerOutage extends Error {
  override readonly name = 'AuthorizationServerOutage';

  constructor(
    readonly code: OutageCode,
    cause: unknown,
  ) {
    super('The authorization server is unavailable.', { cause });
  }
}

/**
 * The 503 with `Retry-After` for a request that the hook could neither accept nor reject. Events receive the code:
 * `code`, or the code of the outage that caused this one. Deeper causes may hold a token or claims and stay in the
 * process.
 */
export function toUnavailable(code: OutageCode, cause: unknown): RelayError {
  const chain = getErrorChain(cause);
  const outage = chain.find((link) => link instanceof AuthorizationServerOutage);
  const temporary = chain.find((link) => link instanceof FetchFailed || link instanceof KeyLookupThrottled);
  return new RelayError('authentication_unavailable', {
    cause: outage ?? new AuthorizationServerOutage(code, cause),
    headers: [['Retry-After', String(temporary?.retryAfterSeconds ?? 1)]],
  });
}

/** Returns the HTTP status in an error, or `undefined` if there was no response. */
export function getStatus(error: unknown): number | undefined {
  return getErrorChain(error).find(
    (link): link is { status: number } => typeof Reflect.get(link, 'status') === 'number',
  )?.status;
}

/**
 * True if the endpoint may have moved since the metadata were fetched: no connection, or a response that such an
 * endpoint does not send. Signs of overload (a time-out, 429, 5xx) do not count, since another fetch would add load. A
 * refusal of the relay's client does not count either.
 */
export function mayHaveMoved(error: unknown): boolean {
  const status = getStatus(error);
  if (status !== undefined) return status < 400 || MOVED_STATUSES.includes(status);
  return !getErrorChain(error).some((link) => TIMEOUT_NAMES.test(`${getText(link, 'name')} ${getText(link, 'code')}`));
}

/** Statuses of a server that does not have the endpoint. */
const MOVED_STATUSES = [404, 405, 410];

/** Names and codes of time-outs and aborts in Node, undici and openid-client. */
const TIMEOUT_NAMES = /TimeoutError|AbortError|TIMEOUT|ETIMEDOUT/;

/**
 * Returns the pause in ms for all introspections after a failure. Most failures cause no pause: a single token that the
 * server cannot process must not block other tokens. A missing connection and a `Retry-After` cause a pause.
 */
export function getIntrospectionBackoffMs(error: unknown, now: number): number {
  const status = getStatus(error);
  if (status === 429 || status === 503) return parseRetryAfterMs(error, now) ?? 0;
  if (status !== undefined) return 0;
  return getErrorChain(error).some((link) => NO_CONNECTION_CODES.includes(getText(link, 'code'))) ? BACKOFF_MS : 0;
}

/** Reads a string member. A link of the chain may be the body of a response, with members of any type. */
function getText(link: object, member: string): string {
  const value: unknown = Reflect.get(link, member);
  return typeof value === 'string' ? value : '';
}

const NO_CONNECTION_CODES = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'];
