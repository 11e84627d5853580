import { hash } from 'node:crypto';
import { type Configuration, ResponseBodyError, tokenIntrospection } from 'openid-client';
import { createBackoff } from '../shared/backoff.js';
import { lruCache } from '../shared/lru-cache.js';
import { settleWithin } from '../shared/time-out.js';
import { getIntrospectionBackoffMs, getStatus, mayHaveMoved, toUnavailable } from './outage.js';
import type { Settings } from './resolve-options.js';
import type { AuthorizationServer } from './server.js';
import { type AccessToken, checkClaims, TokenRefused, type TokenRequirements, toAccessToken } from './token.js';

/** Judges tokens by asking. Throws {@link TokenRefused}, or `authentication_unavailable`. */
export type IntrospectionJudge = (token: string, expectations: TokenRequirements) => Promise<AccessToken>;

type Introspection = Awaited<ReturnType<typeof tokenIntrospection>>;

/** What is looked at, and no more is kept: `sub` and `username` may be a person (TIGRESS §8.1.3). */
type Answer = Pick<Introspection, 'aud' | 'exp' | 'nbf' | 'iat' | 'token_type' | 'cnf' | 'client_id' | 'scope'>;

/** An answer that was judged, and the Unix time in ms until which it stands. */
interface Remembered {
  readonly answer: Answer;
  readonly until: number;
}

/** Largest answer that is remembered, in bytes of JSON of what is kept of it. */
const MOST_REMEMBERED_BYTES = 16 * 1024;

/** Introspections at once, so that made-up tokens do not become as many connections to the authorization server. */
const MOST_IN_FLIGHT = 64;

/**
 * Makes a judge that asks the authorization server (RFC 7662), at most once at a time for one token and of
 * {@link MOST_IN_FLIGHT} tokens, and remembers for a while that a token is active. "Active" says that the token lives, not
 * whom it is for: issuer, audience, times and binding are checked here, the last three each time.
 */
export function createIntrospectionVerifier(settings: Settings, server: AuthorizationServer): IntrospectionJudge {
  const { cacheMs, entries } = settings.introspection;
  // Keyed by a digest, so that no token outlives its request in memory.
  const known = lruCache<Remembered>(entries);
  const asked = new Map<string, Promise<Answer>>();

  const failure = createBackoff();

  async function introspect(configuration: Configuration, token: string, now: number): Promise<Introspection> {
    try {
      // Raced as a whole: the way in which the relay's own client authenticates may be the host's.
      return await settleWithin(settings.timeoutMs, () =>
        tokenIntrospection(configuration, token, { token_type_hint: 'access_token' }),
      );
    } catch (error) {
      if (error instanceof ResponseBodyError && error.error === 'unsupported_token_type') {
        throw new TokenRefused('The token is of a kind that the authorization server does not introspect.');
      }
      if (mayHaveMoved(error)) server.markSuspect();
      const pauseMs = getIntrospectionBackoffMs(error, now);
      const cause = pauseMs > 0 ? failure.start(error, now, pauseMs) : error;
      // A 401 or 403 is about our own client, and no fault of who asks.
      const status = getStatus(error);
      throw toUnavailable(
        status === 401 || status === 403 ? 'oauth_client_refused' : 'oauth_introspection_failed',
        cause,
      );
    }
  }

  async function ask(token: string, now: number): Promise<Answer> {
    const failed = failure.getFailure(now);
    if (failed !== undefined) throw toUnavailable('oauth_introspection_failed', failed);
    const configuration = await server.getConfiguration(now).catch((error) => {
      throw toUnavailable('oauth_discovery_failed', error);
    });
    const answer = await introspect(configuration, token, now);
    if (!answer.active) throw new TokenRefused('The token is not active.');
    if (answer.iss !== undefined && answer.iss !== configuration.serverMetadata().issuer) {
      throw new TokenRefused('The token is of another issuer.');
    }
    const { aud, exp, nbf, iat, token_type, cnf, client_id, scope } = answer;
    return { aud, exp, nbf, iat, token_type, cnf, client_id, scope } as Answer;
  }

  /** The second condition is for a clock that was put back. */
  function isOver({ until }: Remembered, now: number): boolean {
    return until <= now || until > now + cacheMs;
  }

  function remember(key: string, answer: Answer, now: number): void {
    // What is used was good then, so that all is forgotten within two such times.
    known.deleteWhile((entry) => isOver(entry, now));
    if (cacheMs === 0 || Buffer.byteLength(JSON.stringify(answer)) > MOST_REMEMBERED_BYTES) return;
    const end = answer.exp === undefined ? Number.POSITIVE_INFINITY : answer.exp * 1000;
    known.set(key, { answer, until: Math.min(now + cacheMs, end) });
  }

  function recall(key: string, now: number): Answer | undefined {
    const entry = known.get(key);
    if (entry !== undefined && !isOver(entry, now)) return entry.answer;
    known.delete(key);
    return undefined;
  }

  function askOnce(key: string, token: string, now: number): Promise<Answer> {
    const asking = asked.get(key);
    if (asking !== undefined) return asking;
    if (asked.size >= MOST_IN_FLIGHT) throw toUnavailable('oauth_introspection_busy', undefined);
    const begun = ask(token, now).finally(() => asked.delete(key));
    asked.set(key, begun);
    return begun;
  }

  return async (token, expectations) => {
    const key = hash('sha256', token, 'base64url');
    const { now } = expectations;
    let answer = recall(key, now);
    if (answer === undefined) {
      answer = await askOnce(key, token, now);
      checkAnswer(answer, expectations);
      const accessToken = toAccessToken(answer);
      remember(key, judgedPart(answer), now);
      return accessToken;
    }
    checkAnswer(answer, expectations);
    return toAccessToken(answer);
  };
}

/** What counts of an answer that was found good: no list or object that nobody looks at is kept. */
function judgedPart({ aud, exp, nbf, iat, token_type, cnf, client_id, scope }: Answer): Answer {
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
  } as Answer;
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function checkAnswer(answer: Answer, expectations: TokenRequirements): void {
  if (answer.aud === undefined) throw new TokenRefused('The token is for no audience.');
  checkClaims(answer as Parameters<typeof checkClaims>[0], expectations);
  const { token_type: type } = answer;
  // RFC 7662 §2.2: the type as RFC 6749 §7.1 means it. A refresh token of some servers is "active" as well.
  if (type !== undefined && !(typeof type === 'string' && /^(bearer|dpop)$/i.test(type))) {
    throw new TokenRefused('The token is not of a type that is accepted.');
  }
  // Without the key it would pass as a bearer token.
  if (type !== undefined && /^dpop$/i.test(type) && answer.cnf?.jkt === undefined) {
    throw new TokenRefused('The token is bound to a key that is not named.');
  }
}
