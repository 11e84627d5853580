import { type AccessRight, type AccessRights, hasRight } from '../../protocol/access-rights.js';
import type { DisplayInformation, NotificationToken, Payload } from '../../protocol/bodies.js';
import { RelayError } from '../errors.js';
import { sameDigest } from './digests.js';
import {
  type Device,
  type Mailbox,
  type MailboxRecord,
  RECORD_FORMAT,
  rememberUpdate,
  type Tombstone,
} from './record.js';
import { findMembership, type Role, resolveBoundRole, resolveReadingRole } from './roles.js';

/** How a mailbox changed; what follows a commit is decided by it. */
export type MailboxChange = 'bound' | 'updated' | 'relinquished' | 'deleted' | 'removed' | 'token_forgotten';

/** The current state that a transition starts from. */
export interface TransitionContext {
  /** Unix time in ms. */
  readonly now: number;
  /** The revision of the mailbox as it was read. */
  readonly revision: string;
}

/** A change to commit. */
export interface TransitionResult {
  readonly next: MailboxRecord;
  readonly change: MailboxChange;
}

/**
 * One operation on a mailbox that is there, as two pure functions of its state (order of checks: PROTOCOL, who may do
 * what). Both throw a RelayError for a refusal; both may run again on a fresh read when a race is lost.
 */
export interface Transition<Actor extends Role | undefined = Role> {
  /** The role of the device, and whether an earlier request with the same id had this effect. */
  admit(mailbox: Mailbox): { readonly role: Actor; readonly duplicate: boolean };
  /** The change, or `undefined` if there is nothing to write. */
  apply(mailbox: Mailbox, role: Actor, moment: TransitionContext): TransitionResult | undefined;
}

/** A transition by the operator or by the relay itself. No device acts, so there is no role. */
export type SystemTransition = Transition<undefined>;

/** What CreateMailbox puts into a new mailbox. */
export interface NewMailbox {
  readonly claim: string;
  readonly payload: Payload;
  readonly display: DisplayInformation;
  readonly rights: AccessRights;
  /** Unix time in ms, whole seconds. */
  readonly expiresAt: number;
  readonly token?: NotificationToken | undefined;
}

/** CreateMailbox: the mailbox as it begins, its sender bound. */
export function openMailbox(wanted: NewMailbox, now: number): Mailbox {
  return {
    format: RECORD_FORMAT,
    createdAt: now,
    expiresAt: wanted.expiresAt,
    rights: wanted.rights,
    display: wanted.display,
    payload: wanted.payload,
    sender: createDevice(wanted.claim, wanted.token),
    released: [],
  };
}

/** ReadSecureContentFromMailbox: the first claim other than the sender's is bound, and its token kept. */
export function createReadTransition(claim: string, token: NotificationToken | undefined): Transition {
  return {
    admit: (mailbox) => ({ role: resolveReadingRole(mailbox, findMembership(mailbox, claim)), duplicate: false }),
    apply(mailbox, role) {
      if (role === 'sender') return undefined; // The sender never loses read.
      assertRight(mailbox, 'R'); // Before binding: a read without R binds nobody.
      if (mailbox.receiver !== undefined) return undefined;
      return { next: { ...mailbox, receiver: createDevice(claim, token) }, change: 'bound' };
    },
  };
}

/** What UpdateMailbox brings. */
export interface Update {
  readonly claim: string;
  /** Digest of the Request-ID; `undefined` if the relay does not ask for one and none was sent. */
  readonly request: string | undefined;
  readonly payload: Payload;
  readonly token?: NotificationToken | undefined;
  /** Value of Mailbox-Known-Version, if sent. */
  readonly knownVersion: string | undefined;
}

/** UpdateMailbox: replaces the payload, and the caller's own token if it brings one. */
export function createUpdateTransition(update: Update): Transition {
  return {
    admit(mailbox) {
      const role = resolveBoundRole(findMembership(mailbox, update.claim));
      const { request } = update;
      const seen = mailbox[role]?.updates ?? [];
      return { role, duplicate: request !== undefined && seen.some((known) => sameDigest(known, request)) };
    },
    apply(mailbox, role, { revision }) {
      assertRight(mailbox, 'W');
      if (update.knownVersion !== undefined && update.knownVersion !== revision) {
        throw new RelayError('version_changed');
      }
      const { updates, token } = mailbox[role] ?? createDevice(update.claim, undefined);
      const writer = {
        ...createDevice(update.claim, update.token ?? token),
        updates: update.request === undefined ? updates : rememberUpdate(updates, update.request),
      };
      return { next: { ...mailbox, payload: update.payload, [role]: writer }, change: 'updated' };
    },
  };
}

/**
 * RelinquishMailbox: unbinds the receiver and forgets its token. The payload stays as it is, so the next receiver sees
 * the latest message, not the first. The released device's own retry is a duplicate.
 */
export function createRelinquishTransition(claim: string, request: string | undefined): Transition {
  return {
    admit(mailbox) {
      const standing = findMembership(mailbox, claim);
      const before = standing.kind === 'released' ? standing.device.relinquish : undefined;
      if (request !== undefined && before !== undefined && sameDigest(before, request)) {
        return { role: 'receiver', duplicate: true };
      }
      const role = resolveBoundRole(standing);
      if (role === 'sender') throw new RelayError('not_bound', { detail: 'Only the receiver can relinquish.' });
      return { role, duplicate: false };
    },
    apply(mailbox) {
      const { receiver: _, ...rest } = mailbox;
      const released = { claim, ...(request === undefined ? {} : { relinquish: request }) };
      return { next: { ...rest, released: rememberUpdate(mailbox.released, released) }, change: 'relinquished' };
    },
  };
}

/** DeleteMailbox: the sender may always (cancel), the bound receiver with D. */
export function createDeleteTransition(claim: string): Transition {
  return {
    admit: (mailbox) => ({ role: resolveBoundRole(findMembership(mailbox, claim)), duplicate: false }),
    apply(mailbox, role, { now }) {
      if (role === 'receiver') assertRight(mailbox, 'D');
      return { next: createTombstone(mailbox, now), change: 'deleted' };
    },
  };
}

/** `relay.remove`: the operator ends a mailbox, whoever is bound. */
export const removeTransition: SystemTransition = {
  admit: () => ({ role: undefined, duplicate: false }),
  apply: (mailbox, _role, { now }) => ({ next: createTombstone(mailbox, now), change: 'removed' }),
};

/** A notification token turned out to be dead: forgotten, if it is still the one that the device left. */
export function createForgetTransition(role: Role, dead: NotificationToken): SystemTransition {
  return {
    admit: () => ({ role: undefined, duplicate: false }),
    apply(mailbox) {
      const device = mailbox[role];
      if (device?.token?.type !== dead.type || device.token.tokenData !== dead.tokenData) return undefined;
      const { token: _, ...rest } = device;
      return { next: { ...mailbox, [role]: rest }, change: 'token_forgotten' };
    },
  };
}

/** The longest a tombstone stays, in ms. */
const TOMBSTONE_LIFETIME = 24 * 60 * 60 * 1000;

/** What is left of a mailbox that was deleted at `now` (ms): until its expiration, and at most for 24 h. */
function createTombstone(mailbox: Mailbox, now: number): Tombstone {
  const latest = Math.ceil(now / 1000) * 1000 + TOMBSTONE_LIFETIME;
  return { format: RECORD_FORMAT, tombstone: true, expiresAt: Math.min(mailbox.expiresAt, latest) };
}

/** Throws `right_missing` (401) unless the mailbox grants the right. */
export function assertRight(mailbox: Mailbox, right: AccessRight): void {
  if (!hasRight(mailbox.rights, right)) throw new RelayError('right_missing');
}

function createDevice(claim: string, token: NotificationToken | undefined): Device {
  return { claim, updates: [], ...(token === undefined ? {} : { token }) };
}
