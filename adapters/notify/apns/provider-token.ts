import type { KeyObject } from 'node:crypto';
import { jose } from '../../shared/jose.js';

/** The sender, in Apple's terms. */
export interface ApnsIdentity {
  readonly teamId: string;
  readonly keyId: string;
  /** The P-256 private key with the identifier `keyId`. */
  readonly key: KeyObject;
}

export interface ProviderTokens {
  /** Returns the current token, a JWT. All pushes share one token, which is renewed after 40 minutes. */
  getToken(): Promise<string>;
  /**
   * Reports that APNs called the token `sent` expired. Returns 0 if the next push gets a newer token. APNs accepts one
   * new token per 20 minutes: during that time, returns the ms until a new token is possible.
   */
  reportExpired(sent: string): number;
}

const MINUTE_MS = 60_000;

/** APNs rejects tokens that are older than 60 minutes. */
const RENEWAL_AGE_MS = 40 * MINUTE_MS;

/** APNs rejects a new token that follows another within 20 minutes. */
const MINIMUM_AGE_MS = 20 * MINUTE_MS;

/** Signs the provider tokens of APNs. `clock` returns Unix time in ms. */
export function createProviderTokens({ teamId, keyId, key }: ApnsIdentity, clock: () => number): ProviderTokens {
  let issuedAt = Number.NaN;
  let token: Promise<string> | undefined;
  let newest: string | undefined;

  async function issue(): Promise<string> {
    issuedAt = clock();
    const { SignJWT } = jose.module;
    newest = await new SignJWT()
      .setProtectedHeader({ alg: 'ES256', kid: keyId })
      .setIssuer(teamId)
      .setIssuedAt(Math.floor(issuedAt / 1000))
      .sign(key);
    return newest;
  }

  return {
    getToken() {
      // The absolute difference, so that a clock that was set back does not keep the token forever.
      if (token === undefined || Math.abs(clock() - issuedAt) >= RENEWAL_AGE_MS) token = issue();
      return token;
    },
    reportExpired(sent) {
      // Another push with the same token has already caused the renewal.
      if (sent !== newest || token === undefined) return 0;
      const waitMs = Math.max(0, MINIMUM_AGE_MS - Math.abs(clock() - issuedAt));
      if (waitMs === 0) token = undefined;
      return waitMs;
    },
  };
}
