import type { Fields } from '../attester/certificates.js';
import { bits, oid, sequence } from './der.js';
import { dsa, ec, ed448, ed25519, type KeyPair, rsa, rsaPss } from './keys.js';
import { atEach, GOOD, INVALID, type Kind } from './kinds.js';

/* Kinds and sizes of keys, and their encodings. */

const WEAK = ['EE certificate key too weak', 'CA certificate key too weak', 'CA certificate key too weak'];

const keyKind = (name: string, keys: KeyPair, said: readonly string[]) => atEach(name, { keys }, said);

/** The same point of P-256 in compressed form (SEC 1 §2.3.3). */
function compressed({ key }: Fields): Partial<Fields> {
  const point = key.subarray(-65);
  const short = Buffer.concat([Buffer.from([2 + ((point.at(-1) ?? 0) & 1)]), point.subarray(1, 33)]);
  return { key: sequence(key.subarray(2, 23), bits(short)) };
}

function offCurve({ key }: Fields): Partial<Fields> {
  return { key: Buffer.concat([key.subarray(0, -1), Buffer.from([(key.at(-1) ?? 0) ^ 1])]) };
}

/** An RSA key whose algorithm has no parameters, although RFC 3279 §2.3.1 requires NULL. */
function withoutNull({ key }: Fields): Partial<Fields> {
  return { key: sequence(sequence(oid('2a864886f70d010101')), key.subarray(4 + 15)) };
}

export const keyKinds: readonly Kind[] = [
  ...keyKind('RSA 512', rsa(512), WEAK),
  ...keyKind('RSA 1024', rsa(1024), WEAK),
  ...keyKind('RSA 2047', rsa(2047), GOOD),
  ...keyKind('RSA 2048', rsa(2048), GOOD),
  ...keyKind('RSA 4096', rsa(4096), GOOD),
  ...keyKind('RSA 2048 for RSASSA-PSS alone', rsaPss(2048), GOOD),
  ...atEach('RSA without NULL', { keys: rsa(2048), fields: withoutNull }, GOOD),
  ...keyKind('P-192', ec('prime192v1'), WEAK),
  ...keyKind('P-224', ec('secp224r1'), GOOD),
  ...keyKind('P-256', ec('prime256v1'), GOOD),
  ...keyKind('P-384', ec('secp384r1'), GOOD),
  ...keyKind('P-521', ec('secp521r1'), GOOD),
  ...keyKind('secp160r1', ec('secp160r1'), WEAK),
  ...keyKind('secp256k1', ec('secp256k1'), GOOD),
  ...keyKind('brainpoolP256r1', ec('brainpoolP256r1'), GOOD),
  ...keyKind('P-256 by its parameters', ec('prime256v1', 'explicit'), Array(3).fill('explicit ECC parameters')),
  ...atEach('P-256 with a compressed point', { fields: compressed }, GOOD),
  ...atEach('P-256 with a point that is none', { fields: offCurve }, [...WEAK.slice(0, 1), ...INVALID.slice(1)]),
  ...keyKind('Ed25519', ed25519(), GOOD),
  ...keyKind('Ed448', ed448(), GOOD),
  ...keyKind('DSA 1024', dsa(1024, 160), WEAK),
  ...keyKind('DSA 2048', dsa(2048, 256), GOOD),
];
