import { hash, timingSafeEqual } from 'node:crypto';

/*
 * The digests a store sees. Each is salted by the mailbox identifier, which the store does not hold, so that two
 * mailboxes of one device cannot be linked (PROTOCOL: privacy at rest). They use no server key: a relay whose keys
 * rotate finds its mailboxes all the same. Inputs cannot run into each other: every label and every identifier has a
 * fixed length. Changing one of these loses every mailbox of a running relay.
 */

const digest = (text: string): string => hash('sha256', text, 'base64url');

/** The key under which the store holds a mailbox, before the namespace. */
export function digestStoreKey(identifier: string): string {
  return digest(`store${identifier}`);
}

/** A Device Claim as the record holds it. `claim` is in lower case. */
export function digestClaim(identifier: string, claim: string): string {
  return digest(`claim${identifier}${claim}`);
}

/** The Request-ID of an update as the record holds it. */
export function digestUpdate(identifier: string, requestId: string): string {
  return digest(`update${identifier}${requestId}`);
}

/** The Request-ID of a relinquish as the record holds it. */
export function digestRelinquish(identifier: string, requestId: string): string {
  return digest(`relinquish${identifier}${requestId}`);
}

/** Compares two digests in constant time. */
export function sameDigest(left: string, right: string): boolean {
  return left.length === right.length && timingSafeEqual(Buffer.from(left), Buffer.from(right));
}
