import { hash } from 'node:crypto';

/** Length of a server key in bytes. */
export const SERVER_KEY_BYTES = 32;

/** Block of SHA-256 in bytes, to which HMAC pads a key. */
const BLOCK_BYTES = 64;

/** A server key: identifiers and seals are derived from it, nothing else (DESIGN: rotation). */
export interface ServerKey {
  /** Public name of the key inside sealed records: 8 characters that tell nothing about it. */
  readonly id: string;
  /** The key as HMAC mixes it into the inner and into the outer hash (RFC 2104). */
  readonly inner: Buffer;
  readonly outer: Buffer;
}

/**
 * HMAC-SHA256 under a server key, as two one-shot hashes: `createHmac` makes a native object a call, which costs more
 * than the hashing. Tests hold it against `createHmac`.
 */
export function hmac({ inner, outer }: Omit<ServerKey, 'id'>, text: string): Buffer {
  const digest = hash('sha256', Buffer.concat([inner, Buffer.from(text)]), 'buffer');
  return hash('sha256', Buffer.concat([outer, digest]), 'buffer');
}

/** Makes a server key of 32 uniformly random bytes. */
export function createServerKey(bytes: Uint8Array): ServerKey {
  const pads = { inner: padKey(bytes, 0x36), outer: padKey(bytes, 0x5c) };
  return { ...pads, id: hmac(pads, 'key id').toString('base64url').slice(0, 8) };
}

function padKey(bytes: Uint8Array, pad: number): Buffer {
  return Buffer.alloc(BLOCK_BYTES, pad).map((value, index) => value ^ (bytes[index] ?? 0)) as Buffer;
}
