import { RelayError } from '../errors.js';
import { sameDigest } from './digests.js';
import type { Mailbox, ReleasedDevice } from './record.js';

/** The two sides of a mailbox; the drafts also call them Initiator and Recipient. */
export type Role = 'sender' | 'receiver';

/** What a device is to a mailbox. */
export type Membership =
  | { readonly kind: Role }
  | { readonly kind: 'released'; readonly device: ReleasedDevice }
  | { readonly kind: 'unbound' };

/** What the device with this claim digest is to the mailbox. Always compares with every device it knows. */
export function findMembership(mailbox: Mailbox, claim: string): Membership {
  const isSender = sameDigest(mailbox.sender.claim, claim);
  const isReceiver = mailbox.receiver !== undefined && sameDigest(mailbox.receiver.claim, claim);
  let released: ReleasedDevice | undefined;
  for (const device of mailbox.released) if (sameDigest(device.claim, claim)) released = device;
  if (isSender) return { kind: 'sender' };
  if (isReceiver) return { kind: 'receiver' };
  return released === undefined ? { kind: 'unbound' } : { kind: 'released', device: released };
}

/** The role of a bound device; throws 401 for any other (TIGRESS §4.1: only the two claims may use the mailbox). */
export function resolveBoundRole(standing: Membership): Role {
  if (standing.kind === 'released') throw new RelayError('claim_released');
  if (standing.kind === 'unbound') throw new RelayError('not_bound');
  return standing.kind;
}

/** The role in which a device may read: a stranger becomes the receiver where there is none. */
export function resolveReadingRole(mailbox: Mailbox, standing: Membership): Role {
  if (standing.kind === 'released') throw new RelayError('claim_released');
  if (standing.kind !== 'unbound') return standing.kind;
  if (mailbox.receiver !== undefined) throw new RelayError('mailbox_taken');
  return 'receiver';
}
