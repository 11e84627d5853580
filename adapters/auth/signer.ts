import { type CryptoKey, compactVerify, errors, type JWTVerifyGetKey } from 'jose';

/* Which key of a key set signed a JWS. */

/** jose's key sets look at the header only. */
const NO_TOKEN = { payload: '', signature: '' };

/** What a JOSE header says of the key. */
export interface KeyHeader {
  readonly alg: string;
  readonly kid: string | undefined;
}

/** The key that a JWS names is in the set, and did not sign it. */
export class OtherSigner extends Error {
  override readonly name = 'OtherSigner';

  constructor() {
    super('The signature is not that of the key that is named.');
  }
}

/**
 * The key of a set that a JWS is signed with: each that fits its header is tried. `undefined` if there is none, or none
 * of several that could be meant; a newer set may have it. Throws {@link OtherSigner} where a newer set would not
 * help. Any other error is about the keys: one of them cannot be used, and no other is the right one.
 */
export async function signerIn(set: JWTVerifyGetKey, jws: string, header: KeyHeader): Promise<CryptoKey | undefined> {
  const candidates = await keysFor(set, header);
  const faults: unknown[] = [];
  for (const key of candidates) {
    try {
      await compactVerify(jws, key, { algorithms: [header.alg] });
      return key;
    } catch (error) {
      // The key is the issuer's: one that cannot be used says nothing about what it should have signed.
      if (!(error instanceof errors.JWSSignatureVerificationFailed || error instanceof errors.JWSInvalid)) {
        faults.push(error);
      }
    }
  }
  if (faults.length > 0) throw faults[0];
  // Where the header names no key, a new one may be meant.
  if (header.kid === undefined || candidates.length === 0) return undefined;
  throw new OtherSigner();
}

/** The keys of a set that fit a JOSE header: several where the header has no `kid`. Empty if there is none. */
async function keysFor(set: JWTVerifyGetKey, { alg, kid }: KeyHeader): Promise<CryptoKey[]> {
  const keys: CryptoKey[] = [];
  try {
    keys.push((await set({ alg, ...(kid === undefined ? {} : { kid }) }, NO_TOKEN)) as CryptoKey);
  } catch (error) {
    if (error instanceof errors.JWKSMultipleMatchingKeys) for await (const key of error) keys.push(key);
    else if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
  }
  return keys;
}
