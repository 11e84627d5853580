import { allowInsecureRequests, type Configuration, customFetch, discovery, None } from 'openid-client';
import { createFetchCache } from '../shared/fetch-cache.js';
import { AuthorizationServerOutage } from './outage.js';
import type { Settings } from './resolve-options.js';

/** The authorization server, as far as its metadata tells of it. */
export interface AuthorizationServer {
  /** Its metadata, fetched once for all who ask at the same time. Throws an {@link AuthorizationServerOutage}. */
  getConfiguration(now: number): Promise<Configuration>;
  /** Lets the metadata be fetched anew: endpoints may have moved. */
  markSuspect(): void;
}

/** Age in ms at which metadata are fetched anew, so that an endpoint that was given up is not trusted for long. */
export const METADATA_MAX_AGE_MS = 600_000;

/** Time in ms beyond that for which they serve on while they cannot be fetched. */
export const METADATA_STALE_MS = 3_600_000;

/** Nothing is fetched here: a host starts while its authorization server is down. */
export function createAuthorizationServer(settings: Settings): AuthorizationServer {
  const metadata = createFetchCache(() => discover(settings), {
    maxAgeMs: METADATA_MAX_AGE_MS,
    staleMs: METADATA_STALE_MS,
    refreshTimeoutMs: settings.timeoutMs,
  });
  return {
    async getConfiguration(now) {
      try {
        return (await metadata.get(now)).value;
      } catch (error) {
        throw new AuthorizationServerOutage('oauth_discovery_failed', error);
      }
    },
    markSuspect: metadata.markSuspect,
  };
}

async function discover({ issuer, client, discovery: algorithm, timeoutMs, fetch }: Settings): Promise<Configuration> {
  const execute = issuer.protocol === 'http:' ? [allowInsecureRequests] : [];
  const options = { algorithm, timeout: timeoutMs / 1000, execute, [customFetch]: fetch };
  // Without introspection nothing is ever asked in the name of a client.
  const { id, authentication } = client ?? { id: 'credential-relay', authentication: None() };
  return discovery(issuer, id, undefined, authentication, options);
}
