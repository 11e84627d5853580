import { type AccessRight, type AccessRights, hasRight } from '../../protocol/access-rights.js';
import type { DisplayInformation, NotificationToken, Payload } from '../../protocol/bodies.js';
import { RelayError } from '../errors.js';
import { sameDigest } from './digests.js';
import { type Device, type Mailbox, type MailboxRecord, RECORD_FORMAT, type Tombstone } from './record.js';
import { rememberUpdate } from './remembered-updates.js';
import { findMembership, type Role, resolveBoundRole, resolveReadingRole } from './roles.js';

/** The kind of a change, which decides about events and notifications. */
export type MailboxChange =
  | 'bound'
  | 'updated'
  | 'relinquished'
  | 'deleted'
  | 'removed'
  | 'token_replaced'
  | 'token_forgotten';

/** The clock and the revision at the time of a transition. */
export interface TransitionContext {
  /** Unix time in ms. */
  readonly now: number;
  /** The Mailbox-Version of the mailbox that was read. */
  readonly version: string;
}

/** A change to commit. */
export interface TransitionResult {
  readonly next: MailboxRecord;
  readonly change: MailboxChange;
  /** True for an update that a retry can repeat, because the mailbox remembers its Request-ID. */
  readonly isRemembered?: boolean;
}

/**
 * One operation on an existing mailbox, as two pure functions of its state (order of checks: docs/protocol.md §5). Both
 * throw a RelayError to refuse the operation. Both run again after a lost race.
 */
export interface Transition<Actor extends Role | undefined = Role> {
  /** The role of the device, and whether an earlier request with the same id had this effect. */
  admit(mailbox: Mailbox): { readonly role: Actor; readonly duplicate: boolean };
  /** The change, or `undefined` if there is nothing to write. */
  apply(mailbox: Mailbox, role: Actor, current: TransitionContext): TransitionResult | undefined;
}

/** A transition by the operator or by the relay itself. No device acts, so there is no role. */
export type SystemTransition = Transition<undefined>;

/** The content of a new mailbox. */
export interface NewMailbox {
  readonly claim: string;
  readonly payload: Payload;
  readonly display: DisplayInformation;
  readonly rights: AccessRights;
  /** Unix time in ms, whole seconds. */
  readonly expiresAt: number;
  readonly token?: NotificationToken | undefined;
  /** The revision under which the record will be stored. */
  readonly revision: string;
}

/** CreateMailbox: the first state of a mailbox, with a bound sender. */
export function openMailbox(content: NewMailbox, now: number): Mailbox {
  return {
    format: RECORD_FORMAT,
    createdAt: now,
    expiresAt: content.expiresAt,
    rights: content.rights,
    display: content.display,
    payload: content.payload,
    sender: createDevice(content.claim, content.token),
    released: [],
    latest: { revision: content.revision, by: 'create' },
  };
}

/**
 * ReadSecureContentFromMailbox: binds the first claim other than the sender's. Stores the token of the caller, if the
 * request has a token that differs from the stored one.
 */
export function createReadTransition(claim: string, token: NotificationToken | undefined): Transition {
  return {
    admit: (mailbox) => ({ role: resolveReadingRole(mailbox, findMembership(mailbox, claim)), duplicate: false }),
    apply(mailbox, role) {
      // The sender never loses read. A read without R neither binds a device nor stores its token.
      if (role === 'receiver') assertRight(mailbox, 'R');
      const device = mailbox[role];
      if (device === undefined) {
        return { next: { ...mailbox, receiver: createDevice(claim, token) }, change: 'bound' };
      }
      if (token === undefined || isSameToken(device.token, token)) return undefined;
      return { next: { ...mailbox, [role]: { ...device, token } }, change: 'token_replaced' };
    },
  };
}

/** The parts of an UpdateMailbox request. */
export interface Update {
  readonly claim: string;
  /** Digest of the Request-ID; `undefined` if the Request-ID is optional and absent. */
  readonly request: string | undefined;
  readonly payload: Payload;
  readonly token?: NotificationToken | undefined;
  /** Value of Mailbox-Known-Version. */
  readonly knownVersion: string | undefined;
}

/** UpdateMailbox: replaces the payload, and the token of the caller if the request has a token. */
export function createUpdateTransition(update: Update): Transition {
  return {
    admit(mailbox) {
      const role = resolveBoundRole(findMembership(mailbox, update.claim));
      const { request } = update;
      const seen = mailbox[role]?.updates ?? [];
      return { role, duplicate: request !== undefined && seen.some((known) => sameDigest(known, request)) };
    },
    apply(mailbox, role, { version }) {
      assertRight(mailbox, 'W');
      if (update.knownVersion !== undefined && update.knownVersion !== version) {
        throw new RelayError('version_changed');
      }
      const { updates, token } = mailbox[role] ?? createDevice(update.claim, undefined);
      const writer = {
        ...createDevice(update.claim, update.token ?? token),
        updates: update.request === undefined ? updates : rememberUpdate(updates, update.request),
      };
      const next = { ...mailbox, payload: update.payload, [role]: writer };
      return { next, change: 'updated', isRemembered: update.request !== undefined };
    },
  };
}

/**
 * RelinquishMailbox: unbinds the receiver and removes its token. The payload stays, so the next receiver gets the
 * latest message, not the first. A retry of the released device is a duplicate.
 */
export function createRelinquishTransition(claim: string, request: string | undefined): Transition {
  return {
    admit(mailbox) {
      const membership = findMembership(mailbox, claim);
      const earlier = membership.kind === 'released' ? membership.device.relinquish : undefined;
      if (request !== undefined && earlier !== undefined && sameDigest(earlier, request)) {
        return { role: 'receiver', duplicate: true };
      }
      const role = resolveBoundRole(membership);
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

/** `relay.remove`: the operator removes a mailbox. */
export const removeTransition: SystemTransition = {
  admit: () => ({ role: undefined, duplicate: false }),
  apply: (mailbox, _role, { now }) => ({ next: createTombstone(mailbox, now), change: 'removed' }),
};

/** Removes an invalid notification token, unless the device has replaced it. */
export function createForgetTransition(role: Role, invalid: NotificationToken): SystemTransition {
  return {
    admit: () => ({ role: undefined, duplicate: false }),
    apply(mailbox) {
      const device = mailbox[role];
      if (device === undefined || !isSameToken(device.token, invalid)) return undefined;
      const { token: _, ...rest } = device;
      return { next: { ...mailbox, [role]: rest }, change: 'token_forgotten' };
    },
  };
}

/** Longest lifetime of a tombstone in ms (docs/protocol.md §3). */
const MAXIMUM_TOMBSTONE_MS = 24 * 60 * 60 * 1000;

/** The tombstone of a mailbox deleted at `now` (ms). It stays until the expiration, for at most 24 h. */
function createTombstone(mailbox: Mailbox, now: number): Tombstone {
  const latest = Math.ceil(now / 1000) * 1000 + MAXIMUM_TOMBSTONE_MS;
  return { format: RECORD_FORMAT, tombstone: true, expiresAt: Math.min(mailbox.expiresAt, latest) };
}

/** Throws `right_missing` (401) unless the mailbox grants the right. */
export function assertRight(mailbox: Mailbox, right: AccessRight): void {
  if (!hasRight(mailbox.rights, right)) throw new RelayError('right_missing');
}

function createDevice(claim: string, token: NotificationToken | undefined): Device {
  return { claim, updates: [], ...(token === undefined ? {} : { token }) };
}

function isSameToken(one: NotificationToken | undefined, other: NotificationToken): boolean {
  return one?.type === other.type && one.tokenData === other.tokenData;
}
