import { RelayError } from '../../src/errors.js';

/** What could not be found out, as the event `hook.failed` names it. */
export type OutageCode =
  | 'oauth_discovery_failed'
  | 'oauth_keys_failed'
  | 'oauth_key_unknown'
  | 'oauth_introspection_failed'
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
