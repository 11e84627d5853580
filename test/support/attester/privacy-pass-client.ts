import { createHash, createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';

/*
 * Client and issuer of Privacy Pass, type 2 (RFC 9578 §6): the client blinds, and the issuer signs without the content
 * (RFC 9474, RSABSSA-SHA384-PSS-Deterministic). The arithmetic is not constant-time: for tests only.
 */

/** An issuer of publicly verifiable tokens. */
export interface Issuer {
  /** The public key as SPKI with RSASSA-PSS parameters (RFC 9578 §6.5). */
  readonly tokenKey: Buffer;
  readonly modulus: bigint;
  readonly exponent: bigint;
  /** RFC 9474 §4.3: signs a blinded message. */
  blindSign(blinded: bigint): bigint;
}

const PARAMETERS =
  '303d06092a864886f70d01010a3030a00d300b0609608648016503040202a11a301806092a864886f70d010108300b0609608648016503040202a203020130';

/** With a new key, or with the given key (PEM). */
export function makeIssuer(pem?: string): Issuer {
  const privateKey: KeyObject =
    pem === undefined ? generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey : createPrivateKey(pem);
  const { n, e, d } = privateKey.export({ format: 'jwk' });
  const [modulus, exponent, secret] = [n, e, d].map((part) => number(Buffer.from(part ?? '', 'base64url')));
  if (modulus === undefined || exponent === undefined || secret === undefined) throw new TypeError('no RSA key');
  const pkcs1 = tlv(0x30, Buffer.concat([tlv(0x02, signed(modulus)), tlv(0x02, signed(exponent))]));
  const bits = tlv(0x03, Buffer.concat([Buffer.from([0]), pkcs1]));
  return {
    tokenKey: tlv(0x30, Buffer.concat([Buffer.from(PARAMETERS, 'hex'), bits])),
    modulus,
    exponent,
    blindSign: (blinded) => power(blinded, secret, modulus),
  };
}

/** Fixed values and defects of a token. */
export interface TokenOptions {
  readonly type?: number;
  readonly nonce?: Buffer;
  readonly keyId?: Buffer;
  readonly salt?: Buffer;
  readonly blind?: bigint;
}

/** Gets a token for a TokenChallenge. The issuer sees neither the nonce nor the challenge (RFC 9578 §6.1 to §6.3). */
export function getToken(issuer: Issuer, tokenChallenge: Buffer, options: TokenOptions = {}): Buffer {
  const { modulus, exponent, tokenKey } = issuer;
  const { type = 2, nonce = randomBytes(32), keyId = sha256(tokenKey), salt = randomBytes(48) } = options;
  const input = Buffer.concat([Buffer.from([type >> 8, type & 0xff]), nonce, sha256(tokenChallenge), keyId]);
  const blind = options.blind ?? number(randomBytes(256)) % modulus;
  const blinded = (number(emsaPss(input, salt)) * power(blind, exponent, modulus)) % modulus;
  const signature = (issuer.blindSign(blinded) * inverse(blind, modulus)) % modulus;
  return Buffer.concat([input, bytes(signature, 256)]);
}

/** RFC 8017 §9.1.1 for a modulus of 2,048 bits, with SHA-384 and 48 bytes of salt. */
function emsaPss(message: Buffer, salt: Buffer): Buffer {
  const hash = sha384(Buffer.concat([Buffer.alloc(8), sha384(message), salt]));
  const block = Buffer.concat([Buffer.alloc(256 - 48 - 48 - 2), Buffer.from([1]), salt]);
  const mask = mgf1(hash, block.length);
  const masked = block.map((byte, index) => byte ^ (mask[index] ?? 0));
  masked[0] = (masked[0] ?? 0) & 0x7f;
  return Buffer.concat([masked, hash, Buffer.from([0xbc])]);
}

function mgf1(seed: Buffer, length: number): Buffer {
  const blocks = Array.from({ length: Math.ceil(length / 48) }, (_, index) =>
    sha384(Buffer.concat([seed, Buffer.from([0, 0, 0, index])])),
  );
  return Buffer.concat(blocks).subarray(0, length);
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let [result, square] = [1n, base % modulus];
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}

function inverse(value: bigint, modulus: bigint): bigint {
  let [a, b, x, y] = [value % modulus, modulus, 1n, 0n];
  while (b !== 0n) [a, b, x, y] = [b, a % b, y, x - (a / b) * y];
  return ((x % modulus) + modulus) % modulus;
}

const number = (from: Buffer): bigint => BigInt(`0x${from.toString('hex') || '0'}`);
const bytes = (value: bigint, length: number): Buffer =>
  Buffer.from(value.toString(16).padStart(length * 2, '0'), 'hex');
const sha256 = (from: Buffer): Buffer => createHash('sha256').update(from).digest();
const sha384 = (from: Buffer): Buffer => createHash('sha384').update(from).digest();

/** An INTEGER is signed, so the highest bit must be clear. */
function signed(value: bigint): Buffer {
  const hex = value.toString(16);
  const content = Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex');
  return (content[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.from([0]), content]) : content;
}

function tlv(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}
