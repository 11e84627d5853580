import type { Role } from '../mailbox/admission.js';
import type { ChangeBus } from './contract.js';

/** Why a wait came to an end, or to a moment to look again. */
export type Wake =
  /** The mailbox may have changed: read it again. */
  | 'changed'
  /** The time asked for is over. */
  | 'time'
  /** The device waits anew, by another request. */
  | 'superseded'
  /** The relay is about to stop. */
  | 'draining'
  /** The client has left. */
  | 'gone';

/** One request that waits for a mailbox to change. */
export interface Waiter {
  /**
   * From now on this is the one waiter of that role, and an older one is superseded. `revision` is what the device has
   * seen; whoever finds another one stored wakes it.
   */
  settle(role: Role, revision: string): void;
  /** Resolves at the next wake, at once for one that came since the last, and at the latest after `ms`. */
  next(ms: number): Promise<Wake>;
  /** The client has left. */
  leave(): void;
  /** Ends it; frees all that it held. */
  close(): void;
}

/** Everybody who waits at this process, by the key of the mailbox in the store. */
export interface Waiters {
  /** Begins to listen, before the mailbox is read, so that no change slips in between. `undefined` if no more can wait. */
  open(key: string): Waiter | undefined;
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
export interface Watch {
  readonly periodMs: number;
  /** Rejects if the store does not answer; then nothing is known, and nobody woken. */
  revisionOf(key: string): Promise<string | undefined>;
}

/** Waiters woken in one go. */
const SLICE = 500;

interface Seat {
  role?: Role;
  revision?: string;
  wake(why: Wake): void;
}

interface Mailbox {
  readonly seats: Set<Seat>;
  readonly stopWatching: () => void;
}

/** Makes the waiters of one relay: at most `maximum`. The bus is listened to from the first of them on. */
export function createWaiters(maximum: number, watch: Watch, bus: ChangeBus | undefined): Waiters {
  const mailboxes = new Map<string, Mailbox>();
  let size = 0;
  let draining = false;
  let drained: (() => void) | undefined;
  let stopListening: (() => Promise<void>) | undefined;

  function enter(key: string, seat: Seat): void {
    let mailbox = mailboxes.get(key);
    if (mailbox === undefined) {
      mailbox = { seats: new Set(), stopWatching: keepLooking(key) };
      mailboxes.set(key, mailbox);
    }
    mailbox.seats.add(seat);
    size += 1;
  }

  function leave(key: string, seat: Seat): void {
    const mailbox = mailboxes.get(key);
    if (mailbox?.seats.delete(seat) !== true) return;
    size -= 1;
    if (mailbox.seats.size === 0) {
      mailbox.stopWatching();
      mailboxes.delete(key);
    }
    if (size === 0) drained?.();
  }

  /** One look a mailbox each period, give or take a tenth, however many wait for it. */
  function keepLooking(key: string): () => void {
    let stopped = false;
    let timer: NodeJS.Timeout | undefined;
    const schedule = (): void => {
      if (stopped) return;
      timer = setTimeout(look, watch.periodMs * (0.9 + 0.2 * Math.random()));
      timer.unref();
    };
    const look = (): void => {
      watch
        .revisionOf(key)
        .then((revision) => {
          for (const seat of mailboxes.get(key)?.seats ?? []) {
            if (seat.revision !== undefined && seat.revision !== revision) seat.wake('changed');
          }
        })
        .catch(() => {}) // The store reports its own failures; the next look may find it well.
        .finally(schedule);
    };
    schedule();
    return () => {
      stopped = true;
      clearTimeout(timer);
    };
  }

  function wake(key: string): void {
    for (const seat of mailboxes.get(key)?.seats ?? []) seat.wake('changed');
  }

  /** Some at a time, so that other work gets its turn. */
  function wakeAll(why: Wake): void {
    const seats = [...mailboxes.values()].flatMap((mailbox) => [...mailbox.seats]);
    const some = (from: number): void => {
      for (const seat of seats.slice(from, from + SLICE)) seat.wake(why);
      if (from + SLICE < seats.length) setImmediate(some, from + SLICE);
    };
    some(0);
  }

  function drain(): Promise<void> {
    draining = true;
    if (size === 0) return Promise.resolve();
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
    open(key) {
      if (draining || size >= maximum) return undefined;
      stopListening ??= bus?.subscribe({ changed: wake, missed: () => wakeAll('changed') });
      const { seat, next } = createSeat();
      enter(key, seat);
      return {
        next,
        settle(role, revision) {
          for (const other of mailboxes.get(key)?.seats ?? []) if (other.role === role) other.wake('superseded');
          seat.role = role;
          seat.revision = revision;
        },
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
      return size;
    },
  };
}

/** A seat, and the promise of its next wake. A wake that nobody waits for yet is kept; one that ends the wait wins. */
function createSeat(): { seat: Seat; next: Waiter['next'] } {
  let kept: Wake | undefined;
  let deliver: ((why: Wake) => void) | undefined;
  const seat: Seat = {
    wake(why) {
      if (deliver !== undefined) deliver(why);
      else if (kept === undefined || kept === 'changed') kept = why;
    },
  };
  return {
    seat,
    next(ms) {
      return new Promise((resolve) => {
        const timer = setTimeout(() => seat.wake('time'), Math.min(ms, LONGEST_TIMER));
        deliver = (why) => {
          clearTimeout(timer);
          deliver = undefined;
          resolve(why);
        };
        if (kept === undefined) return;
        const why = kept;
        kept = undefined;
        deliver(why);
      });
    },
  };
}

/** The longest that a timer of Node can run, in ms. */
const LONGEST_TIMER = 2 ** 31 - 1;
