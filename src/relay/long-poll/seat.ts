import type { Role } from '../mailbox/roles.js';

/** Why a wait came to an end, or to a moment to look again. */
export type WakeReason =
  /** The mailbox may have changed: read it again. */
  | 'changed'
  /** The time asked for is over, give or take what timers and clocks differ by. */
  | 'time'
  /** The device waits anew, by another request. */
  | 'superseded'
  /** The relay is about to stop. */
  | 'draining'
  /** The client has left. */
  | 'gone';

/** One request that listens for changes of a mailbox, and may come to wait for them. */
export interface Seat {
  /** Absent until the request has read the mailbox and waits. */
  role?: Role;
  /** What its device has seen. */
  revision?: string;
  /** Gives back its place among those who wait; absent while it has none. */
  free?: (() => void) | undefined;
  /** A wake that nobody waits for yet is kept; one that ends the wait wins over one that does not. */
  wake(why: WakeReason): void;
  /** Resolves at the next wake, at once for one that came since the last, and at the latest after `ms`. */
  next(ms: number): Promise<WakeReason>;
}

/** Makes a seat. */
export function createSeat(): Seat {
  let kept: WakeReason | undefined;
  let deliver: ((why: WakeReason) => void) | undefined;

  function wake(why: WakeReason): void {
    if (deliver !== undefined) deliver(why);
    else if (kept === undefined || kept === 'changed') kept = why;
  }

  return {
    wake,
    next(ms) {
      return new Promise((resolve) => {
        if (kept !== undefined) {
          resolve(kept);
          kept = undefined;
          return;
        }
        const timer = setTimeout(wake, Math.min(ms, LONGEST_TIMER), 'time');
        timer.unref(); // What keeps the process alive is the connection of the client.
        deliver = (why) => {
          clearTimeout(timer);
          deliver = undefined;
          resolve(why);
        };
      });
    },
  };
}

/** The longest that a timer of Node can run, in ms. */
const LONGEST_TIMER = 2 ** 31 - 1;
