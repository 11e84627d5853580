import type { KeyObject } from 'node:crypto';
import { jose } from '../../shared/jose.js';
import { parseJsonObject } from '../shared/http-call.js';
import type { HttpSender } from '../shared/http-sender.js';
import {
  createRetry,
  isTransient,
  PushFailure,
  parseRetryAfterMs,
  toSafeCode,
  toStatusCode,
} from '../shared/outcome.js';

/** The account that requests tokens. */
export interface AccessTokenAccount {
  readonly clientEmail: string;
  readonly key: KeyObject;
  /** `kid` of the assertion, if known. */
  readonly keyId: string | undefined;
  /** The token endpoint. Also the audience of the assertion. */
  readonly tokenUri: URL;
}

/** The OAuth access token of a service account. */
export interface AccessTokens {
  /**
   * Returns a token that is valid for at least another minute. Concurrent pushes share one request. Rejects with a
   * PushFailure: `retry` if the endpoint did not return a token or `signal` aborted, `rejected` if it refused the
   * account. After a failure, calls fail with the same error for a second, or for the `Retry-After` of the endpoint.
   */
  getToken(signal: AbortSignal): Promise<string>;
  /** Drops a token that FCM refused, unless a newer token has replaced it. */
  discard(token: string): void;
}

interface AccessToken {
  readonly token: string;
  /** Unix time in ms. */
  readonly freshUntil: number;
}

const SCOPE = 'https://www.googleapis.com/auth/firebase.messaging';
const GRANT_TYPE = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const ASSERTION_SECONDS = 10 * 60;

/** A token is renewed this long before its expiration. */
const MARGIN_MS = 60_000;

/** The lifetime of a token without `expires_in` (RFC 6749 §5.1). */
const DEFAULT_LIFETIME_SECONDS = 5 * 60;

/** Pause after a failure, unless the endpoint sends a `Retry-After`. */
const PAUSE_MS = 1_000;
const MAXIMUM_PAUSE_MS = 60_000;

/** Requests access tokens with a signed assertion (RFC 7523 §2.1), as Google's service accounts do. */
export function createAccessTokens(account: AccessTokenAccount, sender: HttpSender, clock: () => number): AccessTokens {
  let current: AccessToken | undefined;
  let pending: Promise<AccessToken> | undefined;
  let failure: { readonly error: unknown; readonly until: number } | undefined;

  async function renew(): Promise<AccessToken> {
    try {
      current = await requestToken(account, sender, clock);
      failure = undefined;
      return current;
    } catch (error) {
      failure = { error, until: clock() + getPauseMs(error) };
      throw error;
    } finally {
      pending = undefined;
    }
  }

  return {
    async getToken(signal) {
      if (current !== undefined && clock() < current.freshUntil) return current.token;
      const pauseMs = (failure?.until ?? 0) - clock();
      // A clock that was set back must not lengthen the pause.
      if (failure !== undefined && pauseMs > 0 && pauseMs <= MAXIMUM_PAUSE_MS) throw failure.error;
      pending ??= renew();
      // An aborted push must not abort the request, which other pushes share.
      return (await unlessAborted(pending, signal)).token;
    },
    discard(token) {
      if (current?.token === token) current = undefined;
    },
  };
}

function getPauseMs(error: unknown): number {
  const outcome = error instanceof PushFailure ? error.outcome : undefined;
  const waitMs = outcome?.outcome === 'retry' ? (outcome.retryAfterMs ?? 0) : 0;
  return Math.min(Math.max(waitMs, PAUSE_MS), MAXIMUM_PAUSE_MS);
}

async function requestToken(
  account: AccessTokenAccount,
  sender: HttpSender,
  clock: () => number,
): Promise<AccessToken> {
  const now = Math.floor(clock() / 1000);
  const assertion = await signAssertion(account, now);
  const { status, retryAfter, body } = await sender.post(account.tokenUri, {
    headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
    body: new URLSearchParams({ grant_type: GRANT_TYPE, assertion }).toString(),
  });
  const response = parseJsonObject(body);
  if (status !== 200) {
    const code = toSafeCode(response.error, assertion) ?? `token_${toStatusCode(status)}`;
    if (isTransient(status)) throw new PushFailure(createRetry(code, parseRetryAfterMs(retryAfter, clock())));
    throw new PushFailure({ outcome: 'rejected', code });
  }
  const { access_token: token, expires_in: seconds = DEFAULT_LIFETIME_SECONDS } = response;
  // The relay sends the token in a header.
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token) || typeof seconds !== 'number') {
    throw new PushFailure(createRetry('token_answer_invalid'));
  }
  return { token, freshUntil: now * 1000 + seconds * 1000 - MARGIN_MS };
}

/** `now` is Unix time in seconds. */
function signAssertion({ clientEmail, key, keyId, tokenUri }: AccessTokenAccount, now: number): Promise<string> {
  return new jose.module.SignJWT({ scope: SCOPE })
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT', ...(keyId === undefined ? {} : { kid: keyId }) })
    .setIssuer(clientEmail)
    .setAudience(tokenUri.href)
    .setIssuedAt(now)
    .setExpirationTime(now + ASSERTION_SECONDS)
    .sign(key);
}

function unlessAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(new PushFailure(createRetry('aborted')));
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort);
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
