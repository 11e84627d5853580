import type { JWK } from 'jose';

/** A JWK of an asymmetric key without its private members. */
export type PublicJwk = JWK & { readonly kty: 'EC' | 'OKP' | 'RSA' };

/** Members of private and symmetric keys (RFC 7518 §6.2.2, §6.3.2, §6.4.1; RFC 8037 §2). */
const SECRET_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'];

/** Bytes of each member of a key on a curve (RFC 7518 §6.2.1.2, RFC 8037 §2). */
const CURVES: ReadonlyMap<unknown, number> = new Map([
  ['P-256', 32],
  ['P-384', 48],
  ['P-521', 66],
  ['Ed25519', 32],
]);

/** Base64url characters of a 4096-bit modulus and of a 48-bit exponent. Larger values only cost verification time. */
const MAXIMUM_MODULUS_CHARACTERS = 683;
const MAXIMUM_EXPONENT_CHARACTERS = 8;

/** True for a public key of an asymmetric kind, without any private part (RFC 9449 §4.3, check 7). */
export function isPublicJwk(value: unknown): value is PublicJwk {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  if (SECRET_MEMBERS.some((member) => member in value)) return false;
  const { kty, n, e } = value as JWK;
  if (kty === 'RSA') return isShort(n, MAXIMUM_MODULUS_CHARACTERS) && isShort(e, MAXIMUM_EXPONENT_CHARACTERS);
  return kty === 'EC' || kty === 'OKP';
}

function isShort(value: unknown, maximumCharacters: number): boolean {
  return typeof value === 'string' && value.length <= maximumCharacters;
}

/**
 * True for a public key in the one spelling of RFC 7518 §6 and RFC 8037 §2: base64url without padding and stray bits,
 * with the length of the curve, numbers without leading zeros. Another spelling of the same key has another thumbprint
 * (RFC 7638), and so replay protection would treat it as another key.
 */
export function isCanonicalJwk(value: unknown): value is PublicJwk {
  if (!isPublicJwk(value)) return false;
  const { kty, crv, x, y, n, e } = value;
  if (kty === 'RSA') return [n, e].every((member) => (decodeBase64url(member)?.[0] ?? 0) !== 0);
  const bytes = CURVES.get(crv);
  const members = kty === 'EC' ? [x, y] : [x];
  return bytes !== undefined && members.every((member) => decodeBase64url(member)?.length === bytes);
}

/** Returns `undefined` for any value but canonical base64url text. */
function decodeBase64url(value: unknown): Buffer | undefined {
  if (typeof value !== 'string') return undefined;
  const bytes = Buffer.from(value, 'base64url');
  return bytes.toString('base64url') === value ? bytes : undefined;
}
