import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';

/** Longest accepted token, attestation or proof, in characters. Node limits all headers together to the same size. */
export const MAXIMUM_JWT_CHARACTERS = 16 * 1024;

const EDWARDS = ['EdDSA', 'Ed25519'];
const RSA = ['PS256', 'PS384', 'PS512', 'RS256', 'RS384', 'RS512'];

/** The JWS algorithms with a public key (RFC 7518 §3.1, RFC 8037, RFC 9864) that jose supports. */
export const SIGNATURE_ALGORITHMS: readonly string[] = ['ES256', 'ES384', 'ES512', ...EDWARDS, ...RSA];

const CURVES: ReadonlyMap<string | undefined, readonly string[]> = new Map([
  ['prime256v1', ['ES256']],
  ['secp384r1', ['ES384']],
  ['secp521r1', ['ES512']],
]);

/** RFC 7518 §3.3 and §3.5 forbid shorter keys, and jose rejects them. */
const MINIMUM_RSA_BITS = 2048;

/** The algorithms of {@link SIGNATURE_ALGORITHMS} for a public JWK. The list is empty for an unreadable key. */
export function getJwkAlgorithms(jwk: object): readonly string[] {
  try {
    return getKeyAlgorithms(createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' }));
  } catch {
    return [];
  }
}

/** The algorithms of {@link SIGNATURE_ALGORITHMS} for a public key. */
export function getKeyAlgorithms({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): readonly string[] {
  const { modulusLength = 0, namedCurve } = asymmetricKeyDetails ?? {};
  switch (asymmetricKeyType) {
    case 'rsa':
      return modulusLength >= MINIMUM_RSA_BITS ? RSA : [];
    case 'ec':
      return CURVES.get(namedCurve) ?? [];
    case 'ed25519':
      return EDWARDS;
    default:
      return [];
  }
}
