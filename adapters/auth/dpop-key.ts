import type { JWK } from 'jose';

/** A JWK as the header of a proof may hold it. */
export type PublicJwk = JWK & { readonly kty: 'EC' | 'OKP' | 'RSA' };

/** Members that only a private or symmetric key has (RFC 7518 §6.2.2, §6.3.2, §6.4.1; RFC 8037 §2). */
const SECRET_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'];

/** Characters of the base64url of a modulus of 4096 bits and of an exponent of 48: larger ones only cost time. */
const MOST_MODULUS_CHARACTERS = 683;
const MOST_EXPONENT_CHARACTERS = 8;

/** True for a public key of an asymmetric kind, without any private part (RFC 9449 §4.3, check 7). */
export function isPublicJwk(value: unknown): value is PublicJwk {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  if (SECRET_MEMBERS.some((member) => member in value)) return false;
  const { kty, n, e } = value as JWK;
  if (kty === 'RSA') return isShort(n, MOST_MODULUS_CHARACTERS) && isShort(e, MOST_EXPONENT_CHARACTERS);
  return kty === 'EC' || kty === 'OKP';
}

function isShort(value: unknown, mostCharacters: number): boolean {
  return typeof value === 'string' && value.length <= mostCharacters;
}
