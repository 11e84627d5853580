import type { Issued } from '../attester/certificates.js';
import { bits, NULL } from './der.js';
import { dsa, ec, ed448, ed25519, rsa } from './keys.js';
import { atEach, type Change, type Kind, make, middle, withLeaf, withMiddle, withRoot } from './kinds.js';
import { ecdsaWith, pssWith, rsaWith, type SignatureAlgorithm } from './signatures.js';

/* Signature algorithms, and invalid signatures. */

const WEAK = 'CA signature digest algorithm too weak';
const NO_ISSUER = 'unable to get local issuer certificate';

const rsaRoot = make({ name: 'rsa', ca: true, keys: rsa(2048) });

function under(issuer: Issued, change: Change): Omit<Kind, 'name' | 'openssl'> {
  return { chain: [make({ name: 'leaf', issuer, ...change })], anchors: [issuer] };
}

/** A leaf signed by the anchor with this algorithm, and an intermediate certificate. */
function rsaKinds(name: string, signature: SignatureAlgorithm, openssl: string): readonly Kind[] {
  const between = make({ name: 'middle', ca: true, issuer: rsaRoot, signature });
  return [
    { name: `leaf: ${name}`, openssl, ...under(rsaRoot, { signature }) },
    {
      name: `intermediate: ${name}`,
      openssl,
      chain: [make({ name: 'leaf', issuer: between }), between],
      anchors: [rsaRoot],
    },
  ];
}

/** Changes a bit of the signature. */
function spoilt([signed, algorithm, signature]: readonly [Buffer, Buffer, Buffer]): readonly Buffer[] {
  const changed = Buffer.from(signature);
  changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
  return [signed, algorithm, changed];
}

const other = make({ name: 'middle', ca: true });

const wrong: ReadonlyArray<readonly [string, Change, ...string[]]> = [
  ['spoilt signature', { parts: spoilt }, 'certificate signature failure', 'certificate signature failure', 'OK'],
  [
    'signature of one bit less',
    { parts: ([signed, algorithm, { length }]) => [signed, algorithm, bits(Buffer.alloc(length - 3), 1)] },
    'certificate signature failure',
    'certificate signature failure',
    'OK',
  ],
  [
    'no signature',
    { parts: ([signed, algorithm]) => [signed, algorithm, bits(Buffer.alloc(0))] },
    'failure',
    'failure',
  ],
  [
    'another algorithm inside',
    { fields: () => ({ algorithm: ecdsaWith('sha384').identifier }) },
    ...Array(3).fill('signature algorithm mismatch'),
  ],
  [
    'another algorithm outside',
    { parts: ([signed, , signature]) => [signed, ecdsaWith('sha384').identifier, signature] },
    ...Array(3).fill('signature algorithm mismatch'),
  ],
  [
    'the algorithm of another kind of key',
    { signature: { ...rsaWith('sha256'), sign: ecdsaWith('sha256').sign } },
    NO_ISSUER,
    NO_ISSUER,
  ],
  ['ECDSA with NULL as its parameters', { signature: ecdsaWith('sha256', NULL) }, 'OK', 'OK', 'OK'],
  ['ECDSA, SHA-1', { signature: ecdsaWith('sha1') }, WEAK, WEAK, 'OK'],
  ['ECDSA, SHA-224', { signature: ecdsaWith('sha224') }, 'OK', 'OK', 'OK'],
  ['ECDSA, SHA-384', { signature: ecdsaWith('sha384') }, 'OK', 'OK', 'OK'],
  ['ECDSA, SHA-512', { signature: ecdsaWith('sha512') }, 'OK', 'OK', 'OK'],
];

export const signatureKinds: readonly Kind[] = [
  ...rsaKinds('RSA, MD5', rsaWith('md5'), WEAK),
  ...rsaKinds('RSA, SHA-1', rsaWith('sha1'), WEAK),
  ...rsaKinds('RSA, SHA-224', rsaWith('sha224'), 'OK'),
  ...rsaKinds('RSA, SHA-256', rsaWith('sha256'), 'OK'),
  ...rsaKinds('RSA, SHA-384', rsaWith('sha384'), 'OK'),
  ...rsaKinds('RSA, SHA-512', rsaWith('sha512'), 'OK'),
  ...rsaKinds('RSA, SHA3-256', rsaWith('sha3-256'), 'OK'),
  ...rsaKinds('RSA, SHA-256 without NULL', rsaWith('sha256', Buffer.alloc(0)), 'OK'),
  ...rsaKinds('PSS, SHA-1', pssWith({ hash: 'sha1' }), WEAK),
  ...rsaKinds('PSS, SHA-256', pssWith({ hash: 'sha256' }), 'OK'),
  ...rsaKinds('PSS, SHA-256 without NULL', pssWith({ hash: 'sha256', parameters: [] }), 'OK'),
  ...rsaKinds('PSS, SHA-384', pssWith({ hash: 'sha384' }), 'OK'),
  ...rsaKinds('PSS, a long salt', pssWith({ hash: 'sha256', saltLength: 222 }), 'OK'),
  ...rsaKinds('PSS, another hash for the mask', pssWith({ hash: 'sha256', mask: 'sha1' }), 'failure'),
  ...wrong.flatMap(([name, change, ...said]) => atEach(name, change, said)),
  { name: 'leaf: signed with another key of the same name', openssl: NO_ISSUER, ...withLeaf({ issuer: other }) },
  { name: 'intermediate: signed by RSA 4096', openssl: 'OK', ...withRoot({ keys: rsa(4096) }) },
  { name: 'leaf: signed by DSA 2048', openssl: 'OK', ...withMiddle({ keys: dsa(2048, 256) }) },
  { name: 'leaf: signed by Ed25519', openssl: 'OK', ...withMiddle({ keys: ed25519() }) },
  { name: 'leaf: signed by Ed448', openssl: 'OK', ...withMiddle({ keys: ed448() }) },
  { name: 'leaf: signed by P-521', openssl: 'OK', ...withMiddle({ keys: ec('secp521r1') }) },
  {
    name: 'leaf: signed by another, who gives the key identifier of its issuer',
    openssl: 'certificate signature failure',
    ...withLeaf({ issuer: { ...middle, privateKey: other.privateKey } }),
  },
];
