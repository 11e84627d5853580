import type { JWTPayload } from 'jose';

/** A verified access token. */
export interface AccessToken {
  readonly clientId: string | undefined;
  readonly scopes: readonly string[];
  /** Thumbprint of the key to which the token is bound (RFC 9449 §6), if any. */
  readonly boundTo: string | undefined;
}

/** Requirements for a token. Times are in ms. */
export interface TokenRequirements {
  readonly audience: readonly string[];
  readonly now: number;
  readonly toleranceMs: number;
  /** Aborts when the relay stops waiting for the hook. */
  readonly signal: AbortSignal;
}

/** Verifies a token. Throws {@link TokenRefused}, or `authentication_unavailable` if the verification failed. */
export type VerifyToken = (token: string, requirements: TokenRequirements) => Promise<AccessToken>;

/** The token is invalid. The message is a fixed sentence that may be used as an `error_description`. */
export class TokenRefused extends Error {
  override readonly name = 'TokenRefused';
  readonly code = 'invalid_token';
}

/** Checks the audience and all present times. Throws {@link TokenRefused}. */
export function checkClaims(claims: JWTPayload, { audience, now, toleranceMs }: TokenRequirements): void {
  const { aud, exp, nbf, iat } = claims;
  const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  if (!audience.some((accepted) => audiences.includes(accepted))) {
    throw new TokenRefused('The token is for another audience.');
  }
  for (const time of [exp, nbf, iat]) {
    if (time !== undefined && !Number.isFinite(time)) throw new TokenRefused('A time in the token is not a number.');
  }
  if (exp !== undefined && exp * 1000 + toleranceMs <= now) throw new TokenRefused('The token has expired.');
  if (nbf !== undefined && nbf * 1000 - toleranceMs > now) throw new TokenRefused('The token is not valid yet.');
  if (iat !== undefined && iat * 1000 - toleranceMs > now) throw new TokenRefused('The token is dated in the future.');
}

/** Reads the other claims. Throws {@link TokenRefused} for an unsupported binding. */
export function toAccessToken(claims: Readonly<Record<string, unknown>>): AccessToken {
  const { client_id: clientId, scope } = claims;
  return {
    clientId: typeof clientId === 'string' ? clientId : undefined,
    scopes: typeof scope === 'string' ? scope.split(' ').filter((word) => word !== '') : [],
    boundTo: parseBinding(claims.cnf),
  };
}

function parseBinding(cnf: unknown): string | undefined {
  if (cnf === undefined || cnf === null) return undefined;
  const jkt: unknown = typeof cnf === 'object' ? Reflect.get(cnf, 'jkt') : undefined;
  // Such as `x5t#S256` (RFC 8705). A relay that ignored the binding would accept the token as a bearer token.
  if (typeof jkt !== 'string' || Object.keys(Object(cnf)).length !== 1) {
    throw new TokenRefused('The token is bound in an unsupported way.');
  }
  return jkt;
}
