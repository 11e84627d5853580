import type { Role } from '../mailbox/roles.js';
import type { ChangeBus } from './contract.js';
import { RevisionPoller } from './poller.js';
import { WaitLimiter, type WaitLimits } from './wait-limiter.js';
import { Waiter, type WaiterOwner, type WakeReason } from './waiter.js';

/** One request that listens for a change of a mailbox, and may come to wait for it. */
export interface Waiter {
  /**
   * Takes a place among those who wait; false if there is none for it. From then on this is the one waiter of that
   * role, and an older one is superseded. `revision` is what the device has seen; a waiter is woken once another one is
   * found stored.
   */
  startWaiting(role: Role, revision: string): boolean;
  /** Resolves at the next wake, at once for one that came since the last, and at the latest after `ms`. */
  next(ms: number): Promise<WakeReason>;
  /** The client has left. */
  leave(): void;
  /** Ends it; frees all that it held. */
  close(): void;
}

/** Everybody who waits at this process, by the key of the mailbox in the store. */
export interface Waiters {
  /**
   * Begins to listen, before the mailbox is read, so that no change slips in between. It takes no place yet: a request
   * that the mailbox refuses takes none from others. `connection` is the socket or HTTP/2 session of the
   * request, if the host shows it.
   */
  open(key: string, connection: object | undefined): Waiter;
  /** The mailbox under `key` has changed, or may have. */
  wake(key: string): void;
  /** Ends all waits and takes no more; resolves when the last has been closed. */
  drain(): Promise<void>;
  /** Drains, and stops listening. */
  close(): Promise<void>;
  readonly draining: boolean;
  /** Requests that wait. */
  readonly size: number;
}

/** Finds out, now and then, whether a mailbox changed that nobody told of: the revision, `undefined` if it is gone. */
export interface PollOptions {
  readonly periodMs: number;
  /** Rejects if the store does not answer; then nothing is known, and nobody woken. */
  readRevision(key: string): Promise<string | undefined>;
}

/** Waiters that one turn of the event loop wakes. */
const WAKE_BATCH = 500;

/** The waiters of one mailbox. */
interface WaitGroup {
  readonly waiters: Set<Waiter>;
  /** Polls the mailbox, once a request is held. */
  timer?: NodeJS.Timeout;
}

/** Makes the waiters of one relay. The bus is listened to from the first of them on. */
export function createWaiters(limits: WaitLimits, watch: PollOptions, bus: ChangeBus | undefined): Waiters {
  const mailboxes = new Map<string, WaitGroup>();
  const looks = createRevisionPoller(watch.readRevision, (key, revision) => {
    // One that is still reading may be given what was stored before: it cannot be told apart, and reads again.
    for (const seat of seatsOf(key)) if (seat.revision !== revision) seat.wake('changed');
  });
  const places = createWaitLimiter(limits, () => drained?.());
  let draining = false;
  let drained: (() => void) | undefined;
  let stopListening: (() => Promise<void>) | undefined;

  constructor(limits: WaitLimits, { periodMs, readRevision }: PollOptions, bus: ChangeBus | undefined) {
    this.#pollPeriodMs = periodMs;
    this.#bus = bus;
    this.#limiter = new WaitLimiter(limits, () => this.#resolveDrained());
    this.#poller = new RevisionPoller({
      readRevision,
      onRevision: (key, revision) => this.#wakeOutdated(key, revision),
    });
    this.#owner = {
      hold: (waiter, role, revision) => this.#hold(waiter, role, revision),
      remove: (waiter) => this.#remove(waiter),
    };
  }

  /** Held requests. */
  get size(): number {
    return this.#limiter.used;
  }

  get draining(): boolean {
    return this.#isDraining;
  }

  /**
   * Adds a waiter. Call this method before reading the mailbox, so that no change is missed in between. The waiter
   * takes no slot before `startWaiting`, so that a refused request takes no slot from others. `connection` is the
   * socket or HTTP/2 session of the request, if the host exposes it.
   */
  open(key: string, connection: object | undefined): Waiter {
    this.#unsubscribe ??= this.#bus?.subscribe({
      changed: (changed) => this.wake(changed),
      resync: () => this.#pollAll(),
    });
    const waiter = new Waiter(key, connection, this.#owner);
    const group = this.#groups.get(key);
    if (group === undefined) this.#groups.set(key, { waiters: new Set([waiter]) });
    else group.waiters.add(waiter);
    return waiter;
  }

  /** Wakes all waiters of a mailbox that has, or may have, changed. */
  wake(key: string): void {
    const group = this.#groups.get(key);
    if (group === undefined) return;
    for (const waiter of group.waiters) waiter.wake('changed');
  }

  /** Ends all waits, and holds no more requests. Resolves when no request is held. */
  drain(): Promise<void> {
    this.#isDraining = true;
    if (this.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onDrained.push(resolve);
      this.#wakeAll('draining');
    });
  }

  return {
    open(key, connection) {
      stopListening ??= bus?.subscribe({ changed: wake, resync: lookAtAll });
      const seat = createSeat();
      enter(key, seat);
      return {
        next: seat.next,
        startWaiting: (role, revision) => settle(key, seat, role, revision, connection),
        leave: () => seat.wake('gone'),
        close: () => leave(key, seat),
      };
    },
    wake,
    drain,
    async close() {
      await drain();
      await stopListening?.();
    },
    get draining() {
      return draining;
    },
    get size() {
      return places.taken();
    },
  };
}
