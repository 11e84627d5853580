import { importPKCS8, SignJWT } from 'jose';

/** The JSON file of a service account's key in Google Cloud. */
export interface ServiceAccount {
  readonly client_email: string;
  /** PKCS #8, PEM. */
  readonly private_key: string;
  readonly private_key_id?: string | undefined;
  /** Default `https://oauth2.googleapis.com/token`. */
  readonly token_uri?: string | undefined;
}

interface Granted {
  readonly token: string;
  /** Unix time in ms. */
  readonly freshUntil: number;
}

/** A token is renewed this time before it expires. */
const MARGIN_MS = 60_000;

/**
 * Gets access tokens for one scope by a signed assertion (RFC 7523 §2.1), and reuses a token until it expires. The
 * returned function throws an Error without secrets if the endpoint returns no token.
 */
export function googleAccessToken(
  account: ServiceAccount,
  scope: string,
  clock: () => number,
): (signal: AbortSignal) => Promise<string> {
  let granted: Granted | undefined;
  return async (signal) => {
    if (granted === undefined || clock() >= granted.freshUntil) granted = await ask(account, scope, clock(), signal);
    return granted.token;
  };
}

async function ask(account: ServiceAccount, scope: string, now: number, signal: AbortSignal): Promise<Granted> {
  const { client_email, private_key, private_key_id, token_uri = 'https://oauth2.googleapis.com/token' } = account;
  const seconds = Math.floor(now / 1000);
  const assertion = await new SignJWT({ scope })
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT', ...(private_key_id === undefined ? {} : { kid: private_key_id }) })
    .setIssuer(client_email)
    .setAudience(token_uri)
    .setIssuedAt(seconds)
    .setExpirationTime(seconds + 600)
    .sign(await importPKCS8(private_key, 'RS256'));
  const response = await fetch(token_uri, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion }),
    redirect: 'error',
    signal,
  });
  if (!response.ok) throw new Error(`The token endpoint answered ${response.status}.`);
  const { access_token: token, expires_in: life } = (await response.json()) as Record<string, unknown>;
  if (typeof token !== 'string' || typeof life !== 'number') throw new Error('The token endpoint gave no token.');
  return { token, freshUntil: now + life * 1000 - MARGIN_MS };
}
