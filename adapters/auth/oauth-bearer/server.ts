import type { Configuration } from 'openid-client';
import { createFetchCache } from '../shared/fetch-cache.js';
import { openidClient } from './openid-client.js';
import { AuthorizationServerOutage } from './outage.js';
import type { Settings } from './resolve-options.js';

/** The metadata of the authorization server (RFC 8414, OpenID Connect Discovery). */
export interface AuthorizationServer {
  /** Returns the metadata. Concurrent calls share one fetch. Throws {@link AuthorizationServerOutage}. */
  getConfiguration(now: number): Promise<Configuration>;
  /** Marks the metadata as possibly outdated, so that the next call fetches them again. */
  markSuspect(): void;
}

/** Maximum age of metadata in ms, so that the relay stops trusting a removed endpoint soon. */
export const METADATA_MAX_AGE_MS = 600_000;

/** Time in ms after the maximum age for which old metadata remain usable while fetches fail. */
export const METADATA_STALE_MS = 3_600_000;

/** Sends no request yet, so that a relay can start during an outage of its authorization server. */
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
  const { allowInsecureRequests, ClientSecretBasic, customFetch, discovery, None } = openidClient.module;
  const execute = issuer.protocol === 'http:' ? [allowInsecureRequests] : [];
  const options = { algorithm, timeout: timeoutMs / 1000, execute, [customFetch]: fetch };
  // Without introspection, no request uses the client identifier.
  if (client === undefined) return discovery(issuer, 'credential-relay', undefined, None(), options);
  const authentication = client.authentication ?? ClientSecretBasic(client.secret);
  return discovery(issuer, client.id, undefined, authentication, options);
}
