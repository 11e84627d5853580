import type { Role } from '../mailbox/roles.js';
import type { ChangeBus } from './contract.js';
import { createRevisionPoller } from './poller.js';
import { createSeat, type Seat, type WakeReason } from './seat.js';
import { createWaitLimiter, type WaitLimits } from './wait-limiter.js';

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

/** Waiters woken in one go. */
const SLICE = 500;

interface WaitGroup {
  readonly seats: Set<Seat>;
  /** Looks at the mailbox; absent while nobody waits for it. */
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

  function seatsOf(key: string): Iterable<Seat> {
    return mailboxes.get(key)?.seats ?? [];
  }

  function enter(key: string, seat: Seat): void {
    const mailbox = mailboxes.get(key);
    if (mailbox === undefined) mailboxes.set(key, { seats: new Set([seat]) });
    else mailbox.seats.add(seat);
  }

  function leave(key: string, seat: Seat): void {
    seat.free?.();
    const mailbox = mailboxes.get(key);
    if (mailbox?.seats.delete(seat) !== true || mailbox.seats.size > 0) return;
    clearInterval(mailbox.timer);
    looks.forget(key);
    mailboxes.delete(key);
  }

  function settle(key: string, seat: Seat, role: Role, revision: string, connection: object | undefined): boolean {
    for (const other of seatsOf(key)) {
      // Its device may be another one by now, let go by a change that nobody told of yet.
      if (other.role === undefined) continue;
      if (other.revision !== revision) other.wake('changed');
      else if (other.role === role) {
        other.wake('superseded');
        other.free?.(); // Its place is for the newer one.
      }
    }
    seat.free = draining ? undefined : places.take(connection);
    if (seat.free === undefined) return false;
    seat.role = role;
    seat.revision = revision;
    const mailbox = mailboxes.get(key);
    if (mailbox !== undefined) mailbox.timer ??= lookNowAndThen(key);
    return true;
  }

  /** One look a mailbox each period, give or take a tenth, however many wait for it. */
  function lookNowAndThen(key: string): NodeJS.Timeout {
    return setInterval(looks.at, watch.periodMs * (0.9 + 0.2 * Math.random()), key).unref();
  }

  function wake(key: string): void {
    for (const seat of seatsOf(key)) seat.wake('changed');
  }

  /** What was told in the meantime is lost. Who has missed nothing is not woken: all would ask the store at once. */
  function lookAtAll(): void {
    for (const key of mailboxes.keys()) looks.at(key);
  }

  /** Some at a time, so that other work gets its turn. */
  function wakeAll(why: WakeReason): void {
    const seats = [...mailboxes.values()].flatMap((mailbox) => [...mailbox.seats]);
    const some = (from: number): void => {
      for (const seat of seats.slice(from, from + SLICE)) seat.wake(why);
      if (from + SLICE < seats.length) setImmediate(some, from + SLICE);
    };
    some(0);
  }

  function drain(): Promise<void> {
    draining = true;
    if (places.taken() === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const before = drained;
      drained = () => {
        before?.();
        resolve();
      };
      wakeAll('draining');
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
