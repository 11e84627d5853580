import type { AccessRights } from '../../protocol/access-rights.js';
import type { DisplayInformation, NotificationToken, Payload } from '../../protocol/bodies.js';

/** Version of the layout, part of every record. A minor release reads all formats of its major release. */
export const RECORD_FORMAT = 1;

/** One of the two devices of a mailbox. Digests only: the store never contains a claim or a request id. */
export interface Device {
  readonly claim: string;
  /** Digests of the request ids of the latest updates, oldest first. */
  readonly updates: readonly string[];
  readonly token?: NotificationToken;
}

/** A receiver that relinquished the mailbox. Its claim stays refused. A retry of its relinquish is a duplicate. */
export interface ReleasedDevice {
  readonly claim: string;
  /** Digest of the request id of the relinquish; absent if the request had no id. */
  readonly relinquish?: string;
}

/** The latest change that devices see as another Mailbox-Version (docs/protocol.md §8). */
export interface LatestChange {
  /**
   * The revision of the record that has this member. With another revision the member is outdated: an earlier release of
   * the relay has written the record since.
   */
  readonly revision: string;
  /** The Mailbox-Version; absent if it is the revision of the record. */
  readonly version?: string;
  /** The create, or the device whose newest remembered update the change is; absent for all other changes. */
  readonly by?: 'create' | 'sender' | 'receiver';
}

/** All state of a mailbox: one record, one key, one row. A record is immutable. */
export interface Mailbox {
  readonly format: typeof RECORD_FORMAT;
  /** Unix time in ms. */
  readonly createdAt: number;
  /** Unix time in ms, a whole second. The mailbox ends at this time, even if the store still contains the record. */
  readonly expiresAt: number;
  readonly rights: AccessRights;
  readonly display: DisplayInformation;
  readonly payload: Payload;
  readonly sender: Device;
  readonly receiver?: Device;
  /** Oldest first. */
  readonly released: readonly ReleasedDevice[];
  /** Absent in records of earlier releases of the relay. */
  readonly latest?: LatestChange;
}

/** The record after a delete: only a deadline, so that a late retry of the create does not create a mailbox. */
export interface Tombstone {
  readonly format: typeof RECORD_FORMAT;
  readonly tombstone: true;
  /** Unix time in ms, a whole second. */
  readonly expiresAt: number;
}

/**
 * During a rotation of server keys, marks the candidate identifier of another key: the mailbox is at a later candidate.
 * Processes with different current keys therefore agree on one identifier for a mailbox.
 */
export interface RotationMarker {
  readonly format: typeof RECORD_FORMAT;
  readonly rotationMarker: true;
  /** Unix time in ms, a whole second. */
  readonly expiresAt: number;
}

/** The value of one store key. */
export type MailboxRecord = Mailbox | Tombstone | RotationMarker;

/**
 * The Mailbox-Version of a mailbox with this revision, and the author of that version. A change of a token gives the
 * record another revision and keeps the version, so that it neither wakes the other device nor fails its update.
 */
export function findVersion({ latest }: Mailbox, revision: string): { version: string; by?: LatestChange['by'] } {
  if (latest?.revision !== revision) return { version: revision };
  return { version: latest.version ?? revision, by: latest.by };
}

export function isMailbox(record: MailboxRecord): record is Mailbox {
  return 'sender' in record;
}

export function isRotationMarker(record: MailboxRecord): record is RotationMarker {
  return 'rotationMarker' in record;
}
