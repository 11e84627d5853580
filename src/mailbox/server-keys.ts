import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';

/** Length of a server key in bytes. */
export const SERVER_KEY_BYTES = 32;

/** A server key: identifiers and seals are derived from it, nothing else (DESIGN: rotation). */
export interface ServerKey {
  /** Public name of the key inside sealed records: 8 characters that tell nothing about it. */
  readonly id: string;
  readonly secret: KeyObject;
}

/** HMAC-SHA256 under a server key. */
export function hmac(key: ServerKey, text: string): Buffer {
  return createHmac('sha256', key.secret).update(text).digest();
}

/** Makes a server key of 32 uniformly random bytes. */
export function serverKey(bytes: Uint8Array): ServerKey {
  // KeyObject, not bytes: on Node 24 raw bytes cost ten times as much in every cipher and HMAC.
  const secret = createSecretKey(bytes);
  const id = createHmac('sha256', secret).update('key id').digest('base64url').slice(0, 8);
  return { id, secret };
}
