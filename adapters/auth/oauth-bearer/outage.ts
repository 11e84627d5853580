import { RelayError } from '../../../src/relay/errors.js';
import { BACKOFF_MS, FetchFailed, parseRetryAfterMs } from '../shared/backoff.js';
import { getErrorChain } from '../shared/error-chain.js';
import { KeyLookupThrottled } from '../shared/key-set.js';

/** What could not be found out, as the event `hook.failed` names it. */
export type OutageCode =
  | 'oauth_discovery_failed'
  | 'oauth_keys_failed'
  | 'oauth_key_unknown'
  | 'oauth_introspection_failed'
  | 'oauth_introspection_busy'
  | 'oauth_client_refused';

/** The authorization server, or a part of it, could not be asked. */
export class AuthorizationServerOutage extends Error {
  override readonly name = 'AuthorizationServerOutage';

  constructor(
    readonly code: OutageCode,
    cause: unknown,
  ) {
    super('The authorization server could not be asked.', { cause });
  }
}

/**
 * The refusal of a request that could not be judged: 503 with `Retry-After`. The code reaches events: `code`, or that of
 * the outage which caused it. What caused that, which may hold a token or claims, stays in the process.
 */
export function toUnavailable(code: OutageCode, cause: unknown): RelayError {
  const chain = getErrorChain(cause);
  const outage = chain.find((link) => link instanceof AuthorizationServerOutage);
  const later = chain.find((link) => link instanceof FetchFailed || link instanceof KeyLookupThrottled);
  return new RelayError('authentication_unavailable', {
    cause: outage ?? new AuthorizationServerOutage(code, cause),
    headers: [['Retry-After', String(later?.retryAfterSeconds ?? 1)]],
  });
}

/** The HTTP status that a failure is about; `undefined` if there was no answer. */
export function getStatus(error: unknown): number | undefined {
  return getErrorChain(error).find(
    (link): link is { status: number } => typeof Reflect.get(link, 'status') === 'number',
  )?.status;
}

/**
 * Whether a failure may mean that an endpoint is no longer where the metadata have it: no connection, or an answer that
 * such an endpoint does not give. What an overload looks like (a time-out, 429, 5xx) is none, or it would be answered with
 * more requests; nor is a refusal of our own client.
 */
export function mayHaveMoved(error: unknown): boolean {
  const status = getStatus(error);
  if (status !== undefined) return status < 400 || MOVED.includes(status);
  return !getErrorChain(error).some((link) => TIMEOUTS.test(`${getText(link, 'name')} ${getText(link, 'code')}`));
}

/** Statuses of a server that does not know the endpoint, or knows it no longer. */
const MOVED = [404, 405, 410];

/** Names and codes of the errors of Node, undici and openid-client. */
const TIMEOUTS = /TimeoutError|AbortError|TIMEOUT|ETIMEDOUT/;

/**
 * Time in ms for which nothing is introspected after a failure; 0 for most. Another token may fare better than the one that
 * failed, unless there is no connection at all, or the server itself asks for a pause: else one token that the server
 * chokes on would turn away all others.
 */
export function getIntrospectionBackoffMs(error: unknown, now: number): number {
  const status = getStatus(error);
  if (status === 429 || status === 503) return parseRetryAfterMs(error, now) ?? 0;
  if (status !== undefined) return 0;
  return getErrorChain(error).some((link) => NO_CONNECTION.includes(getText(link, 'code'))) ? BACKOFF_MS : 0;
}

/** A member of a link in a chain of errors: a link may also be the body of an answer, which holds anything. */
function getText(link: object, member: string): string {
  const value: unknown = Reflect.get(link, member);
  return typeof value === 'string' ? value : '';
}

const NO_CONNECTION = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'];
