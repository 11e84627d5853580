import type { JWK } from 'jose';

/** A JWK as the header of a proof may hold it. */
export type PublicJwk = JWK & { readonly kty: 'EC' | 'OKP' | 'RSA' };

/** Members that only a private or symmetric key has (RFC 7518 §6.2.2, §6.3.2, §6.4.1; RFC 8037 §2). */
const SECRET_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'];

/** Bytes of each member of a key on a curve (RFC 7518 §6.2.1.2, RFC 8037 §2). */
const CURVES: ReadonlyMap<unknown, number> = new Map([
  ['P-256', 32],
  ['P-384', 48],
  ['P-521', 66],
  ['Ed25519', 32],
]);

/** Characters of the base64url of a modulus of 4096 bits and of an exponent of 48: larger ones only cost time. */
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

function isShort(value: unknown, mostCharacters: number): boolean {
  return typeof value === 'string' && value.length <= mostCharacters;
}

/**
 * True for a public key whose members are spelled in the one way that RFC 7518 §6 and RFC 8037 §2 give: base64url without
 * padding or stray bits, of the length of the curve, of a number without leading zeros. Any other spelling of a key has
 * another thumbprint (RFC 7638), and would pass for another key where uses of it are counted.
 */
export function isCanonicalJwk(value: unknown): value is PublicJwk {
  if (!isPublicJwk(value)) return false;
  const { kty, crv, x, y, n, e } = value;
  if (kty === 'RSA') return [n, e].every((member) => (decodeBase64url(member)?.[0] ?? 0) !== 0);
  const bytes = CURVES.get(crv);
  const members = kty === 'EC' ? [x, y] : [x];
  return bytes !== undefined && members.every((member) => decodeBase64url(member)?.length === bytes);
}

/** The bytes of a canonical base64url text; `undefined` for any other value. */
function decodeBase64url(value: unknown): Buffer | undefined {
  if (typeof value !== 'string') return undefined;
  const bytes = Buffer.from(value, 'base64url');
  return bytes.toString('base64url') === value ? bytes : undefined;
}
