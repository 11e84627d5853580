import type { KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';

/** Who sends, in Apple's words. */
export interface ApnsIdentity {
  readonly teamId: string;
  readonly keyId: string;
  /** The P-256 private key of the identifier `keyId`. */
  readonly key: KeyObject;
}

/** The provider token of a connection. */
export interface ProviderTokens {
  /** The token to send, a JWT; one for all pushes, renewed every 40 minutes. */
  getToken(): Promise<string>;
  /**
   * To be called with the token that APNs called expired. Makes the next push bring a newer one, and returns 0; or, as
   * APNs takes no more than one in 20 minutes, returns the milliseconds until that is possible.
   */
  reportExpired(sent: string): number;
}

const MINUTE_MS = 60_000;

/** APNs refuses tokens older than 60 minutes, and those renewed within 20. */
const RENEWAL_AGE_MS = 40 * MINUTE_MS;
const MINIMUM_AGE_MS = 20 * MINUTE_MS;

/** Makes provider tokens for token-based authentication with APNs. `clock` is Unix time in ms. */
export function createProviderTokens({ teamId, keyId, key }: ApnsIdentity, clock: () => number): ProviderTokens {
  let issuedAt = Number.NaN;
  let token: Promise<string> | undefined;
  let newest: string | undefined;

  async function issue(): Promise<string> {
    issuedAt = clock();
    newest = await new SignJWT()
      .setProtectedHeader({ alg: 'ES256', kid: keyId })
      .setIssuer(teamId)
      .setIssuedAt(Math.floor(issuedAt / 1000))
      .sign(key);
    return newest;
  }

  return {
    getToken() {
      // Either way: a clock that was set back would keep a token for ever.
      if (token === undefined || Math.abs(clock() - issuedAt) >= RENEWAL_AGE_MS) token = issue();
      return token;
    },
    reportExpired(sent) {
      // Of many pushes that were under way with the old token, the first has seen to it.
      if (sent !== newest || token === undefined) return 0;
      const wait = Math.max(0, MINIMUM_AGE_MS - Math.abs(clock() - issuedAt));
      if (wait === 0) token = undefined;
      return wait;
    },
  };
}
