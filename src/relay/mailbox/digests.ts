import { timingSafeEqual } from 'node:crypto';
import { hash } from '../hash.js';

/*
 * The digests in the store. The salt is the mailbox identifier, which the store does not contain, so that two mailboxes
 * of one device cannot be linked (docs/protocol.md §10). The digests use no server key, so a relay finds its mailboxes
 * after a rotation of keys. Every label and every identifier has a fixed length, so two inputs cannot be the same text.
 * A change of a digest loses every mailbox of a running relay.
 */

const digest = (text: string): string => hash('sha256', text, 'base64url');

/** The store key of a mailbox, without the namespace. */
export function digestStoreKey(identifier: string): string {
  return digest(`store${identifier}`);
}

/** The digest of a Device Claim in a record. `claim` is in lower case. */
export function digestClaim(identifier: string, claim: string): string {
  return digest(`claim${identifier}${claim}`);
}

/** The digest of the Request-ID of an update. */
export function digestUpdate(identifier: string, requestId: string): string {
  return digest(`update${identifier}${requestId}`);
}

/** The digest of the Request-ID of a relinquish. */
export function digestRelinquish(identifier: string, requestId: string): string {
  return digest(`relinquish${identifier}${requestId}`);
}

/** Compares two digests in constant time. */
export function sameDigest(left: string, right: string): boolean {
  return left.length === right.length && timingSafeEqual(Buffer.from(left), Buffer.from(right));
}
