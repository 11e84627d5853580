import type { ChangeBus } from '../long-poll/contract.js';

/**
 * The contract of a mailbox store, for adapter authors. A store keeps one value under one key until a deadline, and
 * offers two atomic changes: put-if-absent and compare-and-set. Everything the relay promises (exactly one receiver,
 * no lost update, one mailbox for a retried create) rests on these two being atomic among all processes that share
 * the backend.
 *
 * Every method rejects when the backend fails, or does not answer: `undefined`, `false` and `'missing'` are facts
 * about a backend that answered, and never stand for an outage.
 */

/** Characters of a revision: 96 random bits as base64url. */
export const REVISION_CHARACTERS = 16;

/**
 * What the relay stores: text that begins with its revision, {@link REVISION_CHARACTERS} characters. A store whose
 * `capabilities.storesObjects` is true may also be given an object that carries its `revision`.
 */
export type StoredValue = string | { readonly revision: string };

/** The revision of a stored value; a new one with each write. */
export function revisionOf(value: StoredValue): string {
  return typeof value === 'string' ? value.slice(0, REVISION_CHARACTERS) : value.revision;
}

/**
 * Checks the deadline that `create` or `replace` received.
 *
 * @param expiresAt - Unix time in ms. A deadline in the past is valid here: only the backend's clock can judge it.
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

/** A live entry of the store. */
export interface StoredEntry {
  readonly value: StoredValue;
  readonly revision: string;
  /** Unix time in ms. */
  readonly expiresAt: number;
}

/** What a store can do; the relay and its documentation rely on it. */
export interface StoreCapabilities {
  /** Among whom the two changes are atomic: all processes on one backend, or this process only. */
  readonly atomic: 'distributed' | 'process';
  /** The backend erases expired entries by itself; otherwise `sweep` is called. */
  readonly nativeExpiry: boolean;
  /** Entries survive the end of the process. */
  readonly durable: boolean;
  /** Values stay in this process as they were given, so that a record need not become text. Default false. */
  readonly storesObjects?: boolean;
}

/**
 * Why a write was refused: the store has no room for it. Nothing was changed, and what the store holds is as it was. A
 * store rejects `create` and `replace` with it, or with any error whose `code` is `store_full`; the relay answers 503
 * `store_full`. `cause` is the backend's own error, if there is one.
 */
export class StoreFullError extends Error {
  override readonly name = 'StoreFullError';
  readonly code = 'store_full';
  constructor(message = 'The store is full.', options?: { readonly cause: unknown }) {
    super(message, options);
  }
}

/** True for a {@link StoreFullError}, of whichever copy of this package, and for any other error with its `code`. */
export function isStoreFull(error: unknown): error is Error & { readonly code: 'store_full' } {
  return error instanceof Error && 'code' in error && error.code === 'store_full';
}

/** How full a store is, where it counts that itself. */
export interface StoreUsage {
  /** Entries: mailboxes, and what is left of deleted ones until their deadline; the expired ones not yet swept too. */
  readonly mailboxes: number;
  /** Bytes of all entries, with what the store needs to keep them. */
  readonly bytes: number;
  readonly maximumMailboxes: number;
  readonly maximumBytes: number;
}

/** What a store tells of its backend. */
export interface StoreHealth {
  /** The backend's clock less this machine's, in ms. Deadlines are judged by both; see `relay.ping`. */
  readonly clockSkewMs: number;
  /** What the backend does when it is full, where it may drop live entries and says so; `noeviction` is the safe one. */
  readonly evictionPolicy?: string;
  /** How full the store is, where it has bounds of its own. */
  readonly usage?: StoreUsage;
}

/** Persistence of mailboxes. Keys are at most 128 characters of `[A-Za-z0-9_:-]`. */
export interface MailboxStore {
  readonly capabilities: StoreCapabilities;
  /** The live entry under `key`, or `undefined`. An entry at or past its deadline is not live. */
  get(key: string): Promise<StoredEntry | undefined>;
  /**
   * The revision of the live entry under `key`, or `undefined`: what `get` would tell, without reading the value. The
   * relay asks for it each time that it looks at a mailbox that a long poll waits for. Absent: it calls `get`.
   */
  revision?(key: string): Promise<string | undefined>;
  /**
   * Puts the value if no live entry is there; an expired leftover counts as absent. True if it was put: of any number
   * of concurrent calls exactly one gets true. Rejects if `expiresAt` (Unix time in ms, a safe integer) has passed by
   * the backend's clock, and with a {@link StoreFullError} if there is no room; a live entry is never dropped to make
   * some.
   */
  create(key: string, value: StoredValue, expiresAt: number): Promise<boolean>;
  /**
   * Replaces the value if the live entry still has `revision`: of any number of concurrent calls that name one
   * revision exactly one gets `'ok'`. The deadline stays unless `expiresAt` is given. Rejects with a
   * {@link StoreFullError} if the value is larger than the one before, and there is no room for that.
   */
  replace(
    key: string,
    revision: string,
    value: StoredValue,
    expiresAt?: number,
  ): Promise<'ok' | 'conflict' | 'missing'>;
  /** Tells other processes of changes, so that long polls learn at once. Absent: the relay looks now and then. */
  readonly changes?: ChangeBus;
  /** Erases up to `limit` expired entries and tells how many. Absent where the backend expires by itself. */
  sweep?(limit: number): Promise<number>;
  /** Resolves if the backend answers, and tells what an operator should know of it. */
  ping(): Promise<StoreHealth>;
  /** Ends what the store itself opened; connections that were handed to it stay open. */
  close(): Promise<void>;
}
