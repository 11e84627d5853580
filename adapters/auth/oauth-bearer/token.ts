import type { JWTPayload } from 'jose';

/** What is known of an access token that was found good. */
export interface AccessToken {
  readonly clientId: string | undefined;
  readonly scopes: readonly string[];
  /** Thumbprint of the key that the token is bound to (RFC 9449 §6); `undefined` if it is bound to none. */
  readonly boundTo: string | undefined;
}

/** What a token must say. Times are in ms. */
export interface TokenRequirements {
  readonly audience: readonly string[];
  readonly now: number;
  readonly toleranceMs: number;
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

/** A token is not good. The message is a fixed sentence, fit for an `error_description`. */
export class TokenRefused extends Error {
  override readonly name = 'TokenRefused';
  readonly code = 'invalid_token';
}

/** Checks audience and times, those that are there. Throws {@link TokenRefused}. */
export function checkClaims(claims: JWTPayload, { audience, now, toleranceMs }: TokenRequirements): void {
  const { aud, exp, nbf, iat } = claims;
  const named: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  if (!audience.some((wanted) => named.includes(wanted))) throw new TokenRefused('The token is for another audience.');
  for (const time of [exp, nbf, iat]) {
    if (time !== undefined && !Number.isFinite(time)) throw new TokenRefused('A time in the token is no number.');
  }
  if (exp !== undefined && exp * 1000 + toleranceMs <= now) throw new TokenRefused('The token has expired.');
  if (nbf !== undefined && nbf * 1000 - toleranceMs > now) throw new TokenRefused('The token is not valid yet.');
  if (iat !== undefined && iat * 1000 - toleranceMs > now) throw new TokenRefused('The token is from the future.');
}

/** The rest of what the relay reads from a token. Throws {@link TokenRefused} for a binding that it cannot check. */
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
  // Such as `x5t#S256` (RFC 8705): to accept the token without looking would make a bearer token of it.
  if (typeof jkt !== 'string' || Object.keys(Object(cnf)).length !== 1) {
    throw new TokenRefused('The token is bound in a way that is not supported.');
  }
  return jkt;
}
