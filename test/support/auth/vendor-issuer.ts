import { type CryptoKey, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import type { OAuthBearerOptions } from '../../../adapters/auth/oauth-bearer/index.js';

/**
 * An issuer with the identifier of a vendor, for token shapes from the vendor's documentation. The vendors cannot be run
 * here: `fetch` answers for their metadata and keys.
 */
export interface VendorIssuer {
  readonly fetch: NonNullable<OAuthBearerOptions['fetch']>;
  /** Signs with the key of the issuer (RS256). `undefined` removes a member. */
  sign(header: Record<string, unknown>, claims: JWTPayload): Promise<string>;
}

const KID = 'key-of-the-vendor';

export async function createVendorIssuer(issuer: string): Promise<VendorIssuer> {
  const { privateKey, publicKey } = await generateKeyPair('RS256');
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

function sign(header: Record<string, unknown> & { alg: string }, claims: JWTPayload, key: CryptoKey): Promise<string> {
  const without = <Members extends object>(members: Members): Members =>
    Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Members;
  return new SignJWT(without(claims)).setProtectedHeader(without(header)).sign(key);
}
