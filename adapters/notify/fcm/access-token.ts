import type { KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import type { HttpSender } from '../shared/http-sender.js';
import { parseJsonObject } from '../shared/json.js';
import {
  createRetry,
  isTransient,
  PushFailure,
  parseRetryAfterMs,
  toSafeCode,
  toStatusCode,
} from '../shared/outcome.js';

/** The account on whose behalf tokens are asked for. */
export interface AccessTokenAccount {
  readonly clientEmail: string;
  readonly key: KeyObject;
  /** `kid` of the assertion, if known. */
  readonly keyId: string | undefined;
  /** The token endpoint, which is also the audience of the assertion. */
  readonly tokenUri: URL;
}

/** The OAuth access token of a service account. */
export interface AccessTokens {
  /**
   * A token that is good for another minute at least; asked for once, however many pushes wait for it. Rejects with a
   * PushFailure: `retry` when the endpoint did not answer with a token or `signal` aborts, `rejected` when it refused. A
   * failure stands for a second, or the `Retry-After` of the endpoint.
   */
  getToken(signal: AbortSignal): Promise<string>;
  /** Forgets a token that was refused, unless there is a newer one already. */
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

/** A token is renewed this long before its end. */
const MARGIN_MS = 60_000;

/** RFC 6749 §5.1: without `expires_in` the life is not known. */
const DEFAULT_LIFETIME_SECONDS = 5 * 60;

/** After a failure the endpoint is not asked again for so long, or for its `Retry-After` up to a minute. */
const PAUSE_MS = 1_000;
const MAXIMUM_PAUSE_MS = 60_000;

/** Gets access tokens by a signed assertion (RFC 7523 §2.1), as Google's service accounts do. */
export function createAccessTokens(account: AccessTokenAccount, sender: HttpSender, clock: () => number): AccessTokens {
  let granted: AccessToken | undefined;
  let asking: Promise<AccessToken> | undefined;
  let failed: { readonly error: unknown; readonly until: number } | undefined;

  async function ask(): Promise<AccessToken> {
    try {
      granted = await requestToken(account, sender, clock);
      failed = undefined;
      return granted;
    } catch (error) {
      failed = { error, until: clock() + pauseAfter(error) };
      throw error;
    } finally {
      asking = undefined;
    }
  }

  return {
    async getToken(signal) {
      if (granted !== undefined && clock() < granted.freshUntil) return granted.token;
      const pause = (failed?.until ?? 0) - clock();
      // A clock that was set back must not make it longer.
      if (failed !== undefined && pause > 0 && pause <= MAXIMUM_PAUSE_MS) throw failed.error;
      asking ??= ask();
      // The request belongs to all who wait: one push that is aborted leaves it to the others.
      return (await unlessAborted(asking, signal)).token;
    },
    discard(token) {
      if (granted?.token === token) granted = undefined;
    },
  };
}

function pauseAfter(error: unknown): number {
  const outcome = error instanceof PushFailure ? error.outcome : undefined;
  const wait = outcome?.outcome === 'retry' ? (outcome.retryAfterMs ?? 0) : 0;
  return Math.min(Math.max(wait, PAUSE_MS), MAXIMUM_PAUSE_MS);
}

async function requestToken(
  { clientEmail, key, keyId, tokenUri }: AccessTokenAccount,
  sender: HttpSender,
  clock: () => number,
): Promise<AccessToken> {
  const now = Math.floor(clock() / 1000);
  const assertion = await new SignJWT({ scope: SCOPE })
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT', ...(keyId === undefined ? {} : { kid: keyId }) })
    .setIssuer(clientEmail)
    .setAudience(tokenUri.href)
    .setIssuedAt(now)
    .setExpirationTime(now + ASSERTION_SECONDS)
    .sign(key);
  const { status, retryAfter, body } = await sender.post(tokenUri, {
    headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
    body: new URLSearchParams({ grant_type: GRANT_TYPE, assertion }).toString(),
  });
  const answer = parseJsonObject(body);
  if (status !== 200) {
    const code = toSafeCode(answer.error, assertion) ?? `token_${toStatusCode(status)}`;
    if (isTransient(status)) throw new PushFailure(createRetry(code, parseRetryAfterMs(retryAfter, clock())));
    throw new PushFailure({ outcome: 'rejected', code });
  }
  const { access_token: token, expires_in: seconds = DEFAULT_LIFETIME_SECONDS } = answer;
  // It goes into a header.
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token) || typeof seconds !== 'number') {
    throw new PushFailure(createRetry('token_answer_invalid'));
  }
  return { token, freshUntil: now * 1000 + seconds * 1000 - MARGIN_MS };
}

function unlessAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const aborted = (): void => reject(new PushFailure(createRetry('aborted')));
    if (signal.aborted) aborted();
    signal.addEventListener('abort', aborted);
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', aborted));
  });
}
