import { hmac, type ServerKey } from './server-keys.js';

/**
 * The identifier of the mailbox that this create opens: UUID version 4 in form, 122 bits that nobody without the key
 * can guess. A retried create comes to the same identifier on any relay process, so that creating is one
 * put-if-absent and needs no index of request ids. `claim` is in lower case.
 */
export function deriveIdentifier(key: ServerKey, claim: string, requestId: string): string {
  const bytes = hmac(key, `mailbox${claim}${requestId}`);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x40, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex', 0, 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
