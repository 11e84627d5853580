import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';

/** Length of a server key in bytes. */
export const SERVER_KEY_BYTES = 32;

/** A server key. The relay derives identifiers, the keys that seal records, and the secrets of hooks from it. */
export interface ServerKey {
  /** Public name of the key inside sealed records: 8 characters that reveal nothing about the key. */
  readonly id: string;
  /** A copy of the key that no log or error shows. */
  readonly secret: KeyObject;
}

/** HMAC-SHA256 under a server key. */
export function hmac({ secret }: Pick<ServerKey, 'secret'>, text: string): Buffer {
  return createHmac('sha256', secret).update(text).digest();
}

/** A server key from 32 uniformly random bytes. */
export function createServerKey(bytes: Uint8Array): ServerKey {
  const secret = createSecretKey(bytes);
  return { secret, id: hmac({ secret }, 'key id').toString('base64url').slice(0, 8) };
}

/**
 * The identifier of the mailbox of a create: UUID version 4 in form, with 122 bits that cannot be guessed without the
 * key. Every relay process derives the same identifier for a retried create, so a create is one put-if-absent and needs
 * no index of request ids. `claim` is in lower case.
 */
export function deriveIdentifier(key: ServerKey, claim: string, requestId: string): string {
  const bytes = hmac(key, `mailbox${claim}${requestId}`);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x40, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex', 0, 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
