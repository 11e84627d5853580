import { allowInsecureRequests, type Configuration, customFetch, discovery, None } from 'openid-client';
import { unavailable } from './oauth-bearer-outage.js';
import type { Settings } from './oauth-bearer-settings.js';

/** The authorization server, as far as its metadata tells of it. */
export interface AuthorizationServer {
  /** Its metadata, fetched once for all who ask at the same time. Throws `authentication_unavailable`. */
  configuration(): Promise<Configuration>;
  /** Lets the metadata be fetched anew: endpoints may have moved. */
  forget(): void;
}

/** Nothing is fetched here: a host starts while its authorization server is down. */
export function authorizationServer(settings: Settings): AuthorizationServer {
  let known: Promise<Configuration> | undefined;
  return {
    configuration() {
      const asked = known ?? discover(settings);
      known = asked;
      return asked.catch((error) => {
        // A later request tries again, unless another has begun to.
        if (known === asked) known = undefined;
        throw unavailable('oauth_discovery_failed', error);
      });
    },
    forget() {
      known = undefined;
    },
  };
}

async function discover({ issuer, client, discovery: algorithm, timeoutMs, fetch }: Settings): Promise<Configuration> {
  const execute = issuer.protocol === 'http:' ? [allowInsecureRequests] : [];
  const options = { algorithm, timeout: timeoutMs / 1000, execute, [customFetch]: fetch };
  // Without introspection nothing is ever asked in the name of a client.
  const { id, authentication } = client ?? { id: 'credential-relay', authentication: None() };
  return discovery(issuer, id, undefined, authentication, options);
}
