import type { ChangeBus } from '../waiting/contract.js';

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
 * `capabilities.keepsReferences` is true may also be given an object that carries its `revision`.
 */
export type StoredValue = string | { readonly revision: string };

/** The revision of a stored value; a new one with each write. */
export function revisionOf(value: StoredValue): string {
  return typeof value === 'string' ? value.slice(0, REVISION_CHARACTERS) : value.revision;
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
  readonly keepsReferences?: boolean;
}

/** What a store tells of its backend. */
export interface StoreHealth {
  /** The backend's clock less this machine's, in ms. Deadlines are judged by both; see `relay.ping`. */
  readonly clockSkewMs: number;
  /** What the backend does when it is full, where it may drop live entries and says so; `noeviction` is the safe one. */
  readonly evictionPolicy?: string;
}

/** Persistence of mailboxes. Keys are at most 128 characters of `[A-Za-z0-9_:-]`. */
export interface MailboxStore {
  readonly capabilities: StoreCapabilities;
  /** The live entry under `key`, or `undefined`. An entry at or past its deadline is not live. */
  get(key: string): Promise<StoredEntry | undefined>;
  /**
   * Puts the value if no live entry is there; an expired leftover counts as absent. True if it was put: of any number
   * of concurrent calls exactly one gets true. Rejects if `expiresAt` (Unix time in ms, a safe integer) has passed by
   * the backend's clock.
   */
  create(key: string, value: StoredValue, expiresAt: number): Promise<boolean>;
  /**
   * Replaces the value if the live entry still has `revision`: of any number of concurrent calls that name one
   * revision exactly one gets `'ok'`. The deadline stays unless `expiresAt` is given.
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
