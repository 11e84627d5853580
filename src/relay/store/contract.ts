import type { ChangeBus } from '../long-poll/contract.js';

/*
 * The contract of mailbox stores, for adapter authors. A store keeps one value per key until a deadline, and offers two
 * atomic changes: put-if-absent and compare-and-set. All promises of the relay (exactly one receiver, no lost update,
 * one mailbox per retried create) require that both changes are atomic among all processes on one backend.
 *
 * Every method rejects if the backend fails or does not answer. `undefined`, `false` and `'missing'` are answers of a
 * working backend, and never stand for an outage.
 */

/** Characters of a revision: 96 random bits as base64url. */
export const REVISION_CHARACTERS = 16;

/**
 * A value that the relay stores: text that starts with its revision, {@link REVISION_CHARACTERS} characters. A store
 * with `capabilities.storesObjects` may also get an object with a `revision`.
 */
export type StoredValue = string | { readonly revision: string };

/**
 * Reads the revision of a stored value. Every write has a new revision.
 *
 * @returns The first {@link REVISION_CHARACTERS} characters of text, or the `revision` of an object.
 */
export function getRevision(value: StoredValue): string {
  return typeof value === 'string' ? value.slice(0, REVISION_CHARACTERS) : value.revision;
}

/**
 * Checks the deadline that `create` or `replace` received.
 *
 * @param expiresAt - Unix time in ms. A deadline in the past is valid here, because only the backend's clock can tell.
 * @throws RangeError if `expiresAt` is not a safe integer.
 */
export function assertDeadline(expiresAt: number): void {
  if (!Number.isSafeInteger(expiresAt)) throw new RangeError('A deadline is a safe integer of milliseconds.');
}

/**
 * Checks that a value is text, for a store without `capabilities.storesObjects`.
 *
 * @param value - The value that `create` or `replace` received.
 * @param store - The subject of the error message. Default `This store`.
 * @throws TypeError if `value` is not a string.
 */
export function assertText(value: StoredValue, store = 'This store'): asserts value is string {
  if (typeof value !== 'string') throw new TypeError(`${store} keeps text only.`);
}

/** A live entry of a store. */
export interface StoredEntry {
  readonly value: StoredValue;
  readonly revision: string;
  /** The deadline, Unix time in ms. */
  readonly expiresAt: number;
}

/** The capabilities of a store, which the relay relies on. */
export interface StoreCapabilities {
  /**
   * `distributed` if changes are atomic among all processes on one backend; `process` if changes are atomic within one
   * process only.
   */
  readonly atomic: 'distributed' | 'process';
  /** True if the backend erases expired entries itself. Otherwise the relay calls `sweep`. */
  readonly nativeExpiry: boolean;
  /** True if entries survive the end of the process. */
  readonly durable: boolean;
  /** True if the store keeps objects in this process, so that the relay need not serialise records. Default false. */
  readonly storesObjects?: boolean;
}

const STORE_ERROR = Symbol.for('credential-relay.StoreError');

/**
 * A failed call of a store. The relay prints `message` in the event `store.failed`, and the command prints it too.
 * So `message` is one sentence that names the cause and the remedy, and never holds a key, a value, a password, or text
 * that the backend wrote. `code` is a word of at most 64 characters `[A-Za-z0-9_]`.
 */
export class StoreError extends Error {
  override readonly name: string = 'StoreError';
  readonly [STORE_ERROR] = true;
  constructor(
    readonly code: string,
    message: string,
    options?: { readonly cause: unknown },
  ) {
    super(message, options);
  }
}

/**
 * Tests for a {@link StoreError}.
 *
 * @returns True also for an instance of another copy of this package.
 */
export function isStoreError(error: unknown): error is StoreError {
  return error instanceof Error && STORE_ERROR in error;
}

/**
 * Rejects a write because the store has no room for it. The write changed nothing. A store rejects `create` and
 * `replace` with this error, or with any error whose `code` is `store_full`. The relay then answers 503 `store_full`.
 */
export class StoreFullError extends Error {
  override readonly name = 'StoreFullError';
  readonly code = 'store_full';
  /** @param options - `cause` is the error of the backend, if there is one. */
  constructor(message = 'The store is full.', options?: { readonly cause: unknown }) {
    super(message, options);
  }
}

/**
 * Tests for a {@link StoreFullError}.
 *
 * @returns True also for an instance of another copy of this package, and for any error with the code `store_full`.
 */
export function isStoreFull(error: unknown): error is Error & { readonly code: 'store_full' } {
  return error instanceof Error && 'code' in error && error.code === 'store_full';
}

/** The usage of a store with its own bounds. */
export interface StoreUsage {
  /** Entries: live mailboxes, deleted mailboxes before their deadline, and expired entries before the next sweep. */
  readonly mailboxes: number;
  /** Bytes of all entries, including the overhead of the store. */
  readonly bytes: number;
  readonly maximumMailboxes: number;
  readonly maximumBytes: number;
}

/** The state of a store and its backend. */
export interface StoreHealth {
  /** The backend's clock minus this machine's clock, in ms. Deadlines depend on both clocks; see `relay.ping`. */
  readonly clockSkewMs: number;
  /** The eviction policy of a full backend, if the backend has one. Only `noeviction` never evicts live mailboxes. */
  readonly evictionPolicy?: string;
  /** The usage, if the store has its own bounds. */
  readonly usage?: StoreUsage;
}

/** The key of {@link MailboxStore.ping} for a caller without a key: in the default namespace of relays. */
export const DEFAULT_PING_KEY = 'relay:ping';

/**
 * Stores mailboxes. Keys have at most 128 characters of `[A-Za-z0-9_:-]`.
 *
 * To write your own store, start from the commented template `adapters/store/template.ts`, and run the published
 * `storeSuite` of `credential-relay/testing`.
 */
export interface MailboxStore {
  readonly capabilities: StoreCapabilities;
  /** Returns the live entry under `key`, or `undefined`. An entry at or past its deadline is not live. */
  get(key: string): Promise<StoredEntry | undefined>;
  /**
   * Returns the revision of the live entry under `key`, or `undefined`, without reading the value. The relay polls
   * mailboxes with long polls by this method. Absent: the relay calls `get`.
   */
  revision?(key: string): Promise<string | undefined>;
  /**
   * Puts the value if no live entry is under `key`. An expired entry counts as absent. A store must never evict a live
   * entry to make room.
   *
   * @param expiresAt - The deadline, Unix time in ms.
   * @returns True if the value was put. Of concurrent calls with one key exactly one gets true.
   * @throws An error if `expiresAt` has passed by the backend's clock; `StoreFullError` if there is no room.
   */
  create(key: string, value: StoredValue, expiresAt: number): Promise<boolean>;
  /**
   * Replaces the value if the live entry still has `revision`.
   *
   * @param expiresAt - The new deadline, Unix time in ms. Default: the deadline does not change.
   * @returns `ok` if the value was replaced, `conflict` if the live entry has another revision, `missing` if there is
   * no live entry. Of concurrent calls with one revision exactly one gets `ok`.
   * @throws `StoreFullError` if the value is larger than the current one, and there is no room.
   */
  replace(
    key: string,
    revision: string,
    value: StoredValue,
    expiresAt?: number,
  ): Promise<'ok' | 'conflict' | 'missing'>;
  /** Notifies other processes of changes, so that their long polls answer at once. Absent: the relay polls. */
  readonly changes?: ChangeBus;
  /**
   * Erases expired entries. Absent if the backend erases expired entries itself.
   *
   * @param limit - The maximum number of entries to erase.
   * @returns The number of erased entries.
   */
  sweep?(limit: number): Promise<number>;
  /**
   * Checks that the store can work: that a `get`, a `create` and a `replace` would succeed now. A backend may answer
   * and still refuse the work, for example without a right, without memory, or as a replica. So a store on a server
   * tries the work itself, and leaves no entry behind.
   *
   * @param key - A key in the namespace of the relay, for the entry that the store tries. Never the key of a mailbox.
   * Several processes use it at the same time. A store whose backend has no rights per key may ignore the argument.
   * Default {@link DEFAULT_PING_KEY}.
   * @throws An error, as the operation would. The `message` of a {@link StoreError} names the cause and the remedy.
   */
  ping(key?: string): Promise<StoreHealth>;
  /** Closes the connections that the store opened. Connections that the host passed to the store stay open. */
  close(): Promise<void>;
}
