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

  constructor(
    message: string,
    /** A fixed sentence for the operator, in place of the message. */
    readonly reason = message,
  ) {
    super(message);
  }
}

/** The client learns only that the form is wrong; the operator learns the member that is missing or wrong. */
export function refuseForm(reason: string): TokenRefused {
  return new TokenRefused('The token is not an access token of the accepted form.', reason);
}

/** Checks the audience and all present times. Throws {@link TokenRefused}. */
export function checkClaims(claims: JWTPayload, requirements: TokenRequirements): void {
  const { aud } = claims;
  const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  if (!requirements.audience.some((accepted) => audiences.includes(accepted))) {
    const isAbsent = aud === undefined;
    throw new TokenRefused(
      'The token is for another audience.',
      isAbsent ? 'The token has no aud.' : 'The aud of the token names none of oauthBearer.audience.',
    );
  }
  checkTimes(claims, requirements);
}

/** Checks all present times. Throws {@link TokenRefused}. */
export function checkTimes({ exp, nbf, iat }: JWTPayload, { now, toleranceMs }: TokenRequirements): void {
  for (const time of [exp, nbf, iat]) {
    if (time !== undefined && !Number.isFinite(time)) throw new TokenRefused('A time in the token is not a number.');
  }
  if (exp !== undefined && exp * 1000 + toleranceMs <= now) throw new TokenRefused('The token has expired.');
  if (nbf !== undefined && nbf * 1000 - toleranceMs > now) throw new TokenRefused('The token is not valid yet.');
  if (iat !== undefined && iat * 1000 - toleranceMs > now) throw new TokenRefused('The token is dated in the future.');
}

/** Refuses the tokens of clients that are not in the list `apps`, if there is one. Throws {@link TokenRefused}. */
export function checkApp(clientId: string | undefined, apps: ReadonlySet<string> | undefined): void {
  if (apps === undefined || (clientId !== undefined && apps.has(clientId))) return;
  throw new TokenRefused(
    'The client of the token is not accepted.',
    'The client of the token is not in oauthBearer.apps.',
  );
}

/** Returns the thumbprint of the key in `cnf`. Throws {@link TokenRefused} for an unsupported binding. */
export function parseBinding(cnf: unknown): string | undefined {
  if (cnf === undefined || cnf === null) return undefined;
  const jkt: unknown = typeof cnf === 'object' ? Reflect.get(cnf, 'jkt') : undefined;
  // Such as `x5t#S256` (RFC 8705). A relay that ignored the binding would accept the token as a bearer token.
  if (typeof jkt !== 'string' || Object.keys(Object(cnf)).length !== 1) {
    throw new TokenRefused('The token is bound in an unsupported way.');
  }
  return jkt;
}
