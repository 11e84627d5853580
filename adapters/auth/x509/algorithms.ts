import { type Element, getChild, readDer } from './der.js';

/*
 * The supported keys and signatures of certificates: the algorithms of JWS (RFC 7518, RFC 8037) in the encodings of RFC
 * 3279, 4055, 5480 and 8410. All have at least 112 bits of security, as `openssl verify -auth_level 2` requires. The
 * code compares an algorithm with its parameters byte by byte, and so rejects curves with explicit parameters.
 */

/** Hex of AlgorithmIdentifiers of keys. */
const RSA = '300d06092a864886f70d0101010500';
const ED25519 = '300506032b6570';
const CURVES: readonly string[] = [
  '301306072a8648ce3d020106082a8648ce3d030107', // P-256
  '301006072a8648ce3d020106052b81040022', // P-384
  '301006072a8648ce3d020106052b81040023', // P-521
];

/** Bits of an RSA modulus. The upper bound limits the work of a signature check. */
const RSA_BITS = { minimum: 2048, maximum: 8192 };

/** The usual exponent is 65537. The upper bound limits the work of a signature check. */
const RSA_MAXIMUM_EXPONENT = 0xffff_ffffn;

/** The hash of RSASSA-PSS is in the parameters, not in the object identifier (RFC 4055 §3.1). */
const RSASSA_PSS = '06092a864886f70d01010a';
const MGF1 = '06092a864886f70d010108';

/** SHA-256, -384 and -512, with absent parameters or with NULL (RFC 4055 §2.1). */
const HASHES: readonly string[] = ['01', '02', '03'].flatMap((last) => [
  `300b06096086480165030402${last}`,
  `300d06096086480165030402${last}0500`,
]);

const SIGNATURES: readonly string[] = [
  ...['02', '03', '04'].map((last) => `300a06082a8648ce3d0403${last}`), // ecdsa-with-SHA256, -384, -512
  ...['0b', '0c', '0d'].map((last) => `300d06092a864886f70d0101${last}0500`), // sha256-, 384-, 512WithRSAEncryption
  ED25519,
];

/** True for a SubjectPublicKeyInfo with a supported, strong key. */
export function isStrongKey(spki: Element): boolean {
  const algorithm = toHex(getChild(spki, 0));
  // The first byte counts unused bits.
  const key = getChild(spki, 1).content.subarray(1);
  if (algorithm === RSA) return isStrongRsa(readDer(key));
  // An uncompressed point, as in a JWK. A compressed point would cost a square root.
  if (CURVES.includes(algorithm)) return key[0] === 0x04;
  return algorithm === ED25519;
}

function isStrongRsa(key: Element): boolean {
  const modulus = readPositive(getChild(key, 0));
  const exponent = readPositive(getChild(key, 1));
  const bits = modulus.toString(2).length;
  if (bits < RSA_BITS.minimum || bits > RSA_BITS.maximum) return false;
  return exponent > 1n && exponent <= RSA_MAXIMUM_EXPONENT && exponent % 2n === 1n;
}

/** Returns the value of an INTEGER, or 0 if it is negative. */
function readPositive({ content }: Element): bigint {
  return (content[0] ?? 0) < 0x80 ? BigInt(`0x0${content.toString('hex')}`) : 0n;
}

/** True for an AlgorithmIdentifier of a supported, strong signature. */
export function isStrongSignature(algorithm: Element): boolean {
  return SIGNATURES.includes(toHex(algorithm)) || isStrongPss(algorithm);
}

/** RSASSA-PSS with the same hash for the message and the mask, and any salt length. */
function isStrongPss(algorithm: Element): boolean {
  if (algorithm.children.length !== 2 || toHex(getChild(algorithm, 0)) !== RSASSA_PSS) return false;
  const [hash, mask, ...rest] = getChild(algorithm, 1).children;
  if (hash?.tag !== 0xa0 || mask?.tag !== 0xa1 || rest.length > 1) return false;
  const name = toHex(getChild(hash, 0));
  const generator = getChild(mask, 0);
  return HASHES.includes(name) && toHex(getChild(generator, 0)) === MGF1 && toHex(getChild(generator, 1)) === name;
}

function toHex({ bytes }: Element): string {
  return bytes.toString('hex');
}
