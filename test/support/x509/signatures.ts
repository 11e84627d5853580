import { constants, type KeyObject, sign } from 'node:crypto';
import { integer, NULL, oid, sequence, tlv } from './der.js';

/* The signature algorithms of certificates: their AlgorithmIdentifier, and their signing function. For tests only. */

export interface SignatureAlgorithm {
  /** DER of the AlgorithmIdentifier. */
  readonly identifier: Buffer;
  readonly sign: (data: Buffer, key: KeyObject) => Buffer;
}

/** Hex of object identifiers. RFC 4055 §5, RFC 5758, and the NIST register for SHA-3. */
const RSA = {
  md5: '2a864886f70d010104',
  sha1: '2a864886f70d010105',
  sha224: '2a864886f70d01010e',
  sha256: '2a864886f70d01010b',
  sha384: '2a864886f70d01010c',
  sha512: '2a864886f70d01010d',
  'sha3-256': '60864801650304030e',
} as const;

const ECDSA = {
  sha1: '2a8648ce3d0401',
  sha224: '2a8648ce3d040301',
  sha256: '2a8648ce3d040302',
  sha384: '2a8648ce3d040303',
  sha512: '2a8648ce3d040304',
} as const;

const HASHES = { sha1: '2b0e03021a', sha256: '608648016503040201', sha384: '608648016503040202' } as const;

const withHash = (hash: string) => (data: Buffer, key: KeyObject) => sign(hash, data, key);

export function rsaWith(hash: keyof typeof RSA, parameters: Buffer = NULL): SignatureAlgorithm {
  return { identifier: sequence(oid(RSA[hash]), parameters), sign: withHash(hash) };
}

export function ecdsaWith(hash: keyof typeof ECDSA, ...parameters: readonly Buffer[]): SignatureAlgorithm {
  return { identifier: sequence(oid(ECDSA[hash]), ...parameters), sign: withHash(hash) };
}

export const dsaWithSha256: SignatureAlgorithm = {
  identifier: sequence(oid('608648016503040302')),
  sign: withHash('sha256'),
};

export const ed25519Signature = edwards('2b6570');
export const ed448Signature = edwards('2b6571');

function edwards(id: string): SignatureAlgorithm {
  return { identifier: sequence(oid(id)), sign: (data, key) => sign(null, data, key) };
}

/**
 * The parameters of RSASSA-PSS (RFC 4055 §3.1). Default: the same hash for the mask, and a salt of the length of the
 * hash.
 */
export interface PssParameters {
  readonly hash: keyof typeof HASHES;
  readonly mask?: keyof typeof HASHES;
  readonly saltLength?: number;
  /** The parameters of the hashes: NULL, or absent. */
  readonly parameters?: readonly Buffer[];
}

/** RSASSA-PSS. With SHA-1 the parameters are empty, because they are the defaults. */
export function pssWith({ hash, mask = hash, saltLength, parameters = [NULL] }: PssParameters): SignatureAlgorithm {
  const salt = saltLength ?? { sha1: 20, sha256: 32, sha384: 48 }[hash];
  const [hashed, masked] = [hash, mask].map((name) => sequence(oid(HASHES[name]), ...parameters));
  const said = [tlv(0xa0, hashed ?? NULL), tlv(0xa1, sequence(oid('2a864886f70d010108'), masked ?? NULL))];
  const fields = hash === 'sha1' ? [] : [...said, tlv(0xa2, salt < 0x80 ? integer(salt) : integer(0, salt))];
  // Node signs with one hash for both, so a signature with another mask hash does not match its parameters.
  const padding = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: salt };
  return {
    identifier: sequence(oid('2a864886f70d01010a'), sequence(...fields)),
    sign: (data, key) => sign(hash, data, { key, ...padding }),
  };
}

/** SHA-256, for keys that take a hash. */
export function usualSignature({ asymmetricKeyType }: KeyObject): SignatureAlgorithm {
  switch (asymmetricKeyType) {
    case 'rsa':
      return rsaWith('sha256');
    case 'rsa-pss':
      return pssWith({ hash: 'sha256' });
    case 'ec':
      return ecdsaWith('sha256');
    case 'dsa':
      return dsaWithSha256;
    case 'ed25519':
      return ed25519Signature;
    case 'ed448':
      return ed448Signature;
    default:
      throw new Error('There is no signature algorithm for this key.');
  }
}
