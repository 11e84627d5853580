import type { Configuration, tokenIntrospection } from 'openid-client';
import { hash } from '../../../src/relay/hash.js';
import { withTimeout } from '../../../src/relay/time.js';
import { createBackoff } from '../shared/backoff.js';
import { type LruCache, lruCache } from '../shared/lru-cache.js';
import { openidClient } from './openid-client.js';
import { getIntrospectionBackoffMs, getStatus, mayHaveMoved, toUnavailable } from './outage.js';
import type { Settings } from './resolve-options.js';
import type { AuthorizationServer } from './server.js';
import {
  type AccessToken,
  checkApp,
  checkClaims,
  parseBinding,
  TokenRefused,
  type TokenRequirements,
  type VerifyToken,
} from './token.js';

type Introspection = Awaited<ReturnType<typeof tokenIntrospection>>;

/** The claims that the relay reads and keeps. `sub` and `username` may identify a person (TIGRESS §8.1.3). */
type Claims = Pick<Introspection, 'aud' | 'exp' | 'nbf' | 'iat' | 'token_type' | 'cnf' | 'client_id' | 'scope'>;

interface CacheEntry {
  readonly claims: Claims;
  /** Unix time in ms. */
  readonly expiresAt: number;
}

/** Maximum size of a cache entry, in bytes of JSON. */
const MAXIMUM_ENTRY_BYTES = 16 * 1024;

/** Concurrent introspections. The limit keeps made-up tokens from opening many connections. */
const MAXIMUM_IN_FLIGHT = 64;

/**
 * Creates a function that introspects tokens (RFC 7662). The function throws {@link TokenRefused} or
 * `authentication_unavailable`. An active token may still be for another relay, so the function also checks issuer,
 * audience, times and binding. It checks audience, times and binding for each request, also for a cached response.
 */
export function createIntrospectionVerifier(settings: Settings, server: AuthorizationServer): VerifyToken {
  const verifier = new IntrospectionVerifier(settings, server);
  return (token, requirements) => verifier.verify(token, requirements);
}

/** Sends at most one request per token at a time, and {@link MAXIMUM_IN_FLIGHT} requests in total. */
class IntrospectionVerifier {
  readonly #settings: Settings;
  readonly #server: AuthorizationServer;
  /** The keys are digests, so that no token stays in memory after its request. */
  readonly #cache: LruCache<CacheEntry>;
  readonly #inFlight = new Map<string, Promise<Claims>>();
  readonly #backoff = createBackoff();

  constructor(settings: Settings, server: AuthorizationServer) {
    this.#settings = settings;
    this.#server = server;
    this.#cache = lruCache<CacheEntry>(settings.introspection.entries);
  }

  async verify(token: string, requirements: TokenRequirements): Promise<AccessToken> {
    const key = hash('sha256', token, 'base64url');
    const { now } = requirements;
    const cached = this.#getCached(key, now);
    const claims = cached ?? (await this.#introspectOnce(key, token, now));
    checkIntrospection(claims, requirements);
    const accessToken = toAccessToken(claims);
    checkApp(accessToken.clientId, this.#settings.apps);
    if (cached === undefined) this.#store(key, toCacheable(claims), now);
    return accessToken;
  }

  #introspectOnce(key: string, token: string, now: number): Promise<Claims> {
    const pending = this.#inFlight.get(key);
    if (pending !== undefined) return pending;
    if (this.#inFlight.size >= MAXIMUM_IN_FLIGHT) throw toUnavailable('oauth_introspection_busy', undefined);
    const started = this.#introspect(token, now).finally(() => this.#inFlight.delete(key));
    this.#inFlight.set(key, started);
    return started;
  }

  async #introspect(token: string, now: number): Promise<Claims> {
    const failure = this.#backoff.getFailure(now);
    if (failure !== undefined) throw toUnavailable('oauth_introspection_failed', failure);
    const configuration = await this.#server.getConfiguration(now).catch((error) => {
      throw toUnavailable('oauth_discovery_failed', error);
    });
    const response = await this.#request(configuration, token, now);
    if (!response.active) throw new TokenRefused('The token is not active.');
    if (response.iss !== undefined && response.iss !== configuration.serverMetadata().issuer) {
      throw new TokenRefused('The token is from another issuer.');
    }
    const { aud, exp, nbf, iat, token_type, cnf, client_id, scope } = response;
    return { aud, exp, nbf, iat, token_type, cnf, client_id, scope } as Claims;
  }

  async #request(configuration: Configuration, token: string, now: number): Promise<Introspection> {
    const { ResponseBodyError, tokenIntrospection } = openidClient.module;
    try {
      // The time limit includes the client authentication, which may be a host's function.
      return await withTimeout(this.#settings.timeoutMs, async () =>
        tokenIntrospection(configuration, token, { token_type_hint: 'access_token' }),
      );
    } catch (error) {
      if (error instanceof ResponseBodyError && error.error === 'unsupported_token_type') {
        throw new TokenRefused('The authorization server does not introspect tokens of this type.');
      }
      if (mayHaveMoved(error)) this.#server.markSuspect();
      const pauseMs = getIntrospectionBackoffMs(error, now);
      const cause = pauseMs > 0 ? this.#backoff.start(error, now, pauseMs) : error;
      // 401 and 403 concern the relay's own client credentials, not the token.
      const status = getStatus(error);
      const isClientRefused = status === 401 || status === 403;
      throw toUnavailable(isClientRefused ? 'oauth_client_refused' : 'oauth_introspection_failed', cause);
    }
  }

  #getCached(key: string, now: number): Claims | undefined {
    const entry = this.#cache.get(key);
    if (entry !== undefined && !this.#isExpired(entry, now)) return entry.claims;
    this.#cache.delete(key);
    return undefined;
  }

  #store(key: string, claims: Claims, now: number): void {
    const { cacheMs } = this.#settings.introspection;
    // A used entry was valid at that time, so this deletes each expired entry within two lifetimes.
    this.#cache.deleteWhile((entry) => this.#isExpired(entry, now));
    if (cacheMs === 0 || Buffer.byteLength(JSON.stringify(claims)) > MAXIMUM_ENTRY_BYTES) return;
    const end = claims.exp === undefined ? Number.POSITIVE_INFINITY : claims.exp * 1000;
    this.#cache.set(key, { claims, expiresAt: Math.min(now + cacheMs, end) });
  }

  /** The second condition covers a clock that was set back. */
  #isExpired({ expiresAt }: CacheEntry, now: number): boolean {
    return expiresAt <= now || expiresAt > now + this.#settings.introspection.cacheMs;
  }
}

/** Throws {@link TokenRefused} for an unsupported binding. */
function toAccessToken({ client_id: clientId, scope, cnf }: Claims): AccessToken {
  return {
    clientId: isText(clientId) ? clientId : undefined,
    scopes: isText(scope) ? scope.split(' ').filter((word) => word !== '') : [],
    boundTo: parseBinding(cnf),
  };
}

/** Drops all values that the relay does not read, so that a cache entry stays small. */
function toCacheable({ aud, exp, nbf, iat, token_type, cnf, client_id, scope }: Claims): Claims {
  const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  return {
    aud: audiences.filter(isText),
    exp,
    nbf,
    iat,
    token_type,
    cnf: cnf === undefined || cnf === null ? undefined : { jkt: cnf.jkt },
    client_id: isText(client_id) ? client_id : undefined,
    scope: isText(scope) ? scope : undefined,
  } as Claims;
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function checkIntrospection(claims: Claims, requirements: TokenRequirements): void {
  if (claims.aud === undefined) throw new TokenRefused('The token has no audience.');
  checkClaims(claims as Parameters<typeof checkClaims>[0], requirements);
  const { token_type: type } = claims;
  // RFC 7662 §2.2: the type of RFC 6749 §7.1. Some servers call a refresh token "active", too.
  if (type !== undefined && !(typeof type === 'string' && /^(bearer|dpop)$/i.test(type))) {
    throw new TokenRefused('The type of the token is not accepted.');
  }
  // Without this check a token with an unnamed key would pass as a bearer token.
  if (type !== undefined && /^dpop$/i.test(type) && claims.cnf?.jkt === undefined) {
    throw new TokenRefused('The token is bound to an unnamed key.');
  }
}
