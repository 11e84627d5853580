import { RelayError } from '../../src/errors.js';

/** What could not be found out, as the event `hook.failed` names it. */
export type OutageCode =
  | 'oauth_discovery_failed'
  | 'oauth_keys_failed'
  | 'oauth_key_unknown'
  | 'oauth_introspection_failed'
  | 'oauth_introspection_busy'
  | 'oauth_client_refused';

class AuthorizationServerOutage extends Error {
  override readonly name = 'AuthorizationServerOutage';

  constructor(
    readonly code: OutageCode,
    cause: unknown,
  ) {
    super('The authorization server could not be asked.', { cause });
  }
}

/**
 * The refusal of a request that could not be judged: 503 with `Retry-After`. The code reaches events; what caused it,
 * which may hold a token or claims, stays in the process.
 */
export function unavailable(code: OutageCode, cause: unknown, retryAfterSeconds = 1): RelayError {
  return new RelayError('authentication_unavailable', {
    cause: new AuthorizationServerOutage(code, cause),
    headers: [['Retry-After', String(retryAfterSeconds)]],
  });
}

/** The HTTP status that a failure is about; `undefined` if there was no answer. */
export function statusOf(error: unknown): number | undefined {
  return chainOf(error).find((link): link is { status: number } => typeof Reflect.get(link, 'status') === 'number')
    ?.status;
}

/**
 * Whether a failure may mean that an endpoint is no longer where the metadata have it: no connection, or an answer that
 * such an endpoint does not give. What an overload looks like (a time-out, 429, 5xx) is none, or it would be answered with
 * more requests; nor is a refusal of our own client.
 */
export function mayHaveMoved(error: unknown): boolean {
  const status = statusOf(error);
  if (status !== undefined) return status < 400 || MOVED.includes(status);
  return !chainOf(error).some((link) => TIMEOUTS.test(`${Reflect.get(link, 'name')} ${Reflect.get(link, 'code')}`));
}

/** Statuses of a server that does not know the endpoint, or knows it no longer. */
const MOVED = [404, 405, 410];

/** Names and codes of the errors of Node, undici and openid-client. */
const TIMEOUTS = /TimeoutError|AbortError|TIMEOUT|ETIMEDOUT/;

/** An error with its causes: openid-client wraps what fetch throws, and the answers that it does not like. */
function chainOf(error: unknown): object[] {
  const chain: object[] = [];
  for (
    let link = error;
    typeof link === 'object' && link !== null && chain.length < 5;
    link = Reflect.get(link, 'cause')
  ) {
    chain.push(link);
  }
  return chain;
}
