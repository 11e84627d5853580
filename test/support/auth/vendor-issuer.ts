import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { OAuthBearerOptions } from '../../../adapters/auth/oauth-bearer/index.js';

/**
 * An issuer with the identifier of a vendor, for token shapes from the vendor's documentation. The vendors cannot be run
 * here: `fetch` answers for their metadata and keys.
 */
export interface VendorIssuer {
  readonly fetch: NonNullable<OAuthBearerOptions['fetch']>;
  /** Signs with the key of the issuer (RS256). `undefined` removes a member. */
  sign(header: Record<string, unknown>, claims: Readonly<Record<string, unknown>>): Promise<string>;
}

const KID = 'key-of-the-vendor';

/** One key for all issuers of a test file, since an RSA key takes long to generate. */
let pair: ReturnType<typeof generateKeyPair> | undefined;

export async function createVendorIssuer(issuer: string): Promise<VendorIssuer> {
  pair ??= generateKeyPair('RS256');
  const { privateKey, publicKey } = await pair;
  const keys = [{ ...(await exportJWK(publicKey)), kid: KID, alg: 'RS256', use: 'sig' }];
  const base = issuer.replace(/\/$/, '');
  const documents: Record<string, object> = {
    [`${base}/.well-known/openid-configuration`]: { issuer, jwks_uri: `${base}/keys` },
    [`${base}/keys`]: { keys },
  };
  return {
    fetch: async (url) => {
      const document = documents[url];
      return document === undefined ? new Response(null, { status: 404 }) : Response.json(document);
    },
    sign: (header, claims) => sign({ alg: 'RS256', kid: KID, ...header }, claims, privateKey),
  };
}

function sign(
  header: Record<string, unknown> & { alg: string },
  claims: Readonly<Record<string, unknown>>,
  key: CryptoKey,
): Promise<string> {
  const without = <Members extends object>(members: Members): Members =>
    Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Members;
  return new SignJWT(without(claims)).setProtectedHeader(without(header)).sign(key);
}
