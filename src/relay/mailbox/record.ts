import type { AccessRights } from '../../protocol/access-rights.js';
import type { DisplayInformation, NotificationToken, Payload } from '../../protocol/bodies.js';

/** Version of the record's layout, written into every record. A minor release reads every format of its major. */
export const RECORD_FORMAT = 1;

/** How many updates of each device, and how many released receivers, a mailbox remembers (PROTOCOL: idempotency). */
export const REMEMBERED_UPDATES = 16;

/** One of the two devices of a mailbox. Digests only: the store never holds a claim or a request id. */
export interface Device {
  readonly claim: string;
  /** Digests of the request ids of its latest updates, oldest first. */
  readonly updates: readonly string[];
  readonly token?: NotificationToken;
}

/** A receiver that gave the mailbox up. Its claim stays refused; a retry of its relinquish stays recognised. */
export interface ReleasedDevice {
  readonly claim: string;
  /** Digest of the request id of its relinquish; absent if it sent none. */
  readonly relinquish?: string;
}

/** All state of a mailbox: one record, one key, one row. Values are never changed in place. */
export interface Mailbox {
  readonly format: typeof RECORD_FORMAT;
  /** Unix time in ms. */
  readonly createdAt: number;
  /** Unix time in ms, a whole second. The mailbox is gone at that time, whatever the store still holds. */
  readonly expiresAt: number;
  readonly rights: AccessRights;
  readonly display: DisplayInformation;
  readonly payload: Payload;
  readonly sender: Device;
  readonly receiver?: Device;
  /** Oldest first. */
  readonly released: readonly ReleasedDevice[];
}

/** What a delete leaves: nothing but its deadline, so that a late retry of the create opens nothing. */
export interface Tombstone {
  readonly format: typeof RECORD_FORMAT;
  readonly tombstone: true;
  /** Unix time in ms, a whole second. */
  readonly expiresAt: number;
}

/**
 * Stands, while server keys are rotated, where a create would have opened its mailbox under another key: it is opened
 * under a later one. So processes that do not yet agree on the current key agree on the one place of a mailbox.
 */
export interface RotationMarker {
  readonly format: typeof RECORD_FORMAT;
  readonly rotationMarker: true;
  /** Unix time in ms, a whole second. */
  readonly expiresAt: number;
}

/** What one key of the store holds. */
export type MailboxRecord = Mailbox | Tombstone | RotationMarker;

/** True for a mailbox that can be used. */
export function isMailbox(record: MailboxRecord): record is Mailbox {
  return 'sender' in record;
}

/** True for the place of a mailbox that is to be found under another key. */
export function isRotationMarker(record: MailboxRecord): record is RotationMarker {
  return 'rotationMarker' in record;
}

/** The list with `item` at its end, cut to the newest {@link REMEMBERED_UPDATES}. */
export function rememberUpdate<Item>(items: readonly Item[], item: Item): readonly Item[] {
  return [...items, item].slice(-REMEMBERED_UPDATES);
}
