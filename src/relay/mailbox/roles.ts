import { RelayError } from '../errors.js';
import { sameDigest } from './digests.js';
import type { Mailbox, ReleasedDevice } from './record.js';

/** The role of a bound device. TIGRESS also calls the roles Initiator and Recipient. */
export type Role = 'sender' | 'receiver';

/** The relation of a device to a mailbox. */
export type Membership =
  | { readonly kind: Role }
  | { readonly kind: 'released'; readonly device: ReleasedDevice }
  | { readonly kind: 'unbound' };

/** The membership of the device with this claim digest. It compares every device, so that its time reveals nothing. */
export function findMembership(mailbox: Mailbox, claim: string): Membership {
  const isSender = sameDigest(mailbox.sender.claim, claim);
  const isReceiver = mailbox.receiver !== undefined && sameDigest(mailbox.receiver.claim, claim);
  let released: ReleasedDevice | undefined;
  for (const device of mailbox.released) if (sameDigest(device.claim, claim)) released = device;
  if (isSender) return { kind: 'sender' };
  if (isReceiver) return { kind: 'receiver' };
  return released === undefined ? { kind: 'unbound' } : { kind: 'released', device: released };
}

/** The role of a bound device. Throws 401 for any other device (TIGRESS §4.1). */
export function resolveBoundRole(membership: Membership): Role {
  if (membership.kind === 'released') throw new RelayError('claim_released');
  if (membership.kind === 'unbound') throw new RelayError('not_bound');
  return membership.kind;
}

/** The role of a device that reads: an unbound device becomes the receiver if no receiver is bound. */
export function resolveReadingRole(mailbox: Mailbox, membership: Membership): Role {
  if (membership.kind === 'released') throw new RelayError('claim_released');
  if (membership.kind !== 'unbound') return membership.kind;
  if (mailbox.receiver !== undefined) throw new RelayError('mailbox_taken');
  return 'receiver';
}
