import type { CryptoKey, JWTVerifyGetKey } from 'jose';
import { jose } from '../../shared/jose.js';

/** The key sets of jose read only the header. */
const NO_TOKEN = { payload: '', signature: '' };

/** The members of a JOSE header that select a key. */
export interface KeyHeader {
  readonly alg: string;
  readonly kid: string | undefined;
}

/** The set has the key that a JWS names, and that key did not sign the JWS. */
export class SignatureMismatch extends Error {
  override readonly name = 'SignatureMismatch';

  constructor() {
    super('The named key did not make the signature.');
  }
}

/** A JWS names no key, and the set has too many candidates. */
export class KeyNotNamed extends Error {
  override readonly name = 'KeyNotNamed';

  constructor() {
    super('The header names no key, and too many keys are possible.');
  }
}

/** Maximum number of keys that are tried per JWS. Issuers with more keys of one algorithm set `kid`. */
export const MAXIMUM_KEYS_TRIED = 16;

/**
 * Finds the key of a set that signed a JWS. Tries each key that matches the header, up to {@link MAXIMUM_KEYS_TRIED}.
 * Returns `undefined` if no key matches, or if the header names no key and no candidate signed the JWS: a newer set may
 * have the key. Throws {@link SignatureMismatch} or {@link KeyNotNamed} if this set suffices to reject the JWS, and the
 * reason of the signal once the signal aborts. Any other error is a fault of the set: a candidate is unusable, and no
 * other candidate signed the JWS.
 */
export async function findVerificationKey(
  set: JWTVerifyGetKey,
  jws: string,
  header: KeyHeader,
  signal: AbortSignal,
): Promise<CryptoKey | undefined> {
  const { compactVerify, errors } = jose.module;
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
      // An unusable key proves nothing about the signature.
      if (!(error instanceof errors.JWSSignatureVerificationFailed || error instanceof errors.JWSInvalid)) {
        faults.push(error);
      }
    }
  }
  if (faults.length > 0) throw faults[0];
  if (header.kid === undefined || tried === 0) return undefined;
  throw new SignatureMismatch();
}

/**
 * The keys of a set that match a header: one with a `kid`, or several without. Each is imported when it is requested.
 */
async function* getMatchingKeys(set: JWTVerifyGetKey, { alg, kid }: KeyHeader): AsyncGenerator<CryptoKey> {
  const { errors } = jose.module;
  try {
    yield (await set({ alg, ...(kid === undefined ? {} : { kid }) }, NO_TOKEN)) as CryptoKey;
  } catch (error) {
    if (error instanceof errors.JWKSMultipleMatchingKeys) yield* error;
    else if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
  }
}
