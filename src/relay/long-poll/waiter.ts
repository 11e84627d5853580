import type { Role } from '../mailbox/roles.js';

/** Why a wait ended, or must check the mailbox. */
export type WakeReason =
  /** The mailbox may have changed: read it again. */
  | 'changed'
  /** The time is over, within the precision of timers and clocks. */
  | 'time'
  /** The same device waits with a newer request. */
  | 'superseded'
  /** The relay is about to stop. */
  | 'draining'
  /** The client has disconnected. */
  | 'gone';

/** The state of the mailbox that a held request knows. */
export interface KnownVersion {
  /** The revision of the record: the poller compares it with the stored one. */
  readonly revision: string;
  /** Mailbox-Version. A change of a token gives the record another revision and keeps the version. */
  readonly version: string;
}

/** The registry that a waiter belongs to. */
export interface WaiterOwner {
  hold(waiter: Waiter, role: Role, known: KnownVersion): boolean;
  remove(waiter: Waiter): void;
}

/** One request that listens for changes of a mailbox. The relay holds the request once it has read the mailbox. */
export class Waiter {
  readonly key: string;
  /** The socket or HTTP/2 session of the request, if the host exposes it. */
  readonly connection: object | undefined;
  /** The role of the device, once the request is held. */
  role: Role | undefined;
  /** The state that the request knows, once the request is held. */
  known: KnownVersion | undefined;
  /** Releases the slot of a held request. */
  releaseSlot: (() => void) | undefined;
  readonly #owner: WaiterOwner;
  #pendingReason: WakeReason | undefined;
  #deliver: ((reason: WakeReason) => void) | undefined;

  constructor(key: string, connection: object | undefined, owner: WaiterOwner) {
    this.key = key;
    this.connection = connection;
    this.#owner = owner;
  }

  /**
   * Starts to hold the request. Returns false if no slot is free. An older request of the same role is superseded.
   * From then on a stored revision other than the known one wakes this waiter.
   */
  startWaiting(role: Role, known: KnownVersion): boolean {
    return this.#owner.hold(this, role, known);
  }

  /** Resolves at the next wake; at once if a wake came since the last call; after `ms` at the latest. */
  next(ms: number): Promise<WakeReason> {
    return new Promise((resolve) => {
      if (this.#pendingReason !== undefined) {
        resolve(this.#pendingReason);
        this.#pendingReason = undefined;
        return;
      }
      const timer = setTimeout(() => this.wake('time'), Math.min(ms, MAXIMUM_TIMER_MS));
      timer.unref(); // The connection of the client keeps the process alive.
      this.#deliver = (reason) => {
        clearTimeout(timer);
        this.#deliver = undefined;
        resolve(reason);
      };
    });
  }

  /** Wakes the waiter, or keeps the reason for the next call of `next`. Reasons that end the wait replace `changed`. */
  wake(reason: WakeReason): void {
    if (this.#deliver !== undefined) this.#deliver(reason);
    else if (this.#pendingReason === undefined || this.#pendingReason === 'changed') this.#pendingReason = reason;
  }

  /** For a client that disconnects. A callback: needs no `this`. */
  readonly leave = (): void => this.wake('gone');

  /** Ends the waiter, and releases its slot. */
  close(): void {
    this.#owner.remove(this);
  }
}

/** The longest delay of a Node timer. */
const MAXIMUM_TIMER_MS = 2 ** 31 - 1;
