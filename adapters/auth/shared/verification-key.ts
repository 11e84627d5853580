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
export class SignatureMismatch extends Error {
  override readonly name = 'OtherSigner';

  constructor() {
    super('The signature is not that of the key that is named.');
  }
}

/** A JWS does not name its key, and more keys fit it than are tried. */
export class KeyNotNamed extends Error {
  override readonly name = 'SignerNotNamed';

  constructor() {
    super('The key is not named, and too many keys could be meant.');
  }
}

/** Keys that are tried for one JWS. Issuers with more of one kind name them. */
export const MAXIMUM_KEYS_TRIED = 16;

/**
 * The key of a set that a JWS is signed with: each that fits its header is tried, up to {@link MAXIMUM_KEYS_TRIED}. `undefined`
 * if there is none, or none of several that could be meant; a newer set may have it. Throws {@link SignatureMismatch} or
 * {@link KeyNotNamed} where this set is enough to refuse, and the reason of the signal once it is aborted. Any other
 * error is about the keys: one of them cannot be used, and no other is the right one.
 */
export async function findVerificationKey(
  set: JWTVerifyGetKey,
  jws: string,
  header: KeyHeader,
  signal: AbortSignal,
): Promise<CryptoKey | undefined> {
  const faults: unknown[] = [];
  let tried = 0;
  for await (const key of getMatchingKeys(set, header)) {
    signal.throwIfAborted();
    if (tried === MAXIMUM_KEYS_TRIED) throw faults[0] ?? new KeyNotNamed();
    tried += 1;
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
  if (header.kid === undefined || tried === 0) return undefined;
  throw new SignatureMismatch();
}

/** The keys of a set that fit a JOSE header, each imported when it is its turn: several where the header has no `kid`. */
async function* getMatchingKeys(set: JWTVerifyGetKey, { alg, kid }: KeyHeader): AsyncGenerator<CryptoKey> {
  try {
    yield (await set({ alg, ...(kid === undefined ? {} : { kid }) }, NO_TOKEN)) as CryptoKey;
  } catch (error) {
    if (error instanceof errors.JWKSMultipleMatchingKeys) yield* error;
    else if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
  }
}
