import type { NotificationToken } from '../protocol/bodies.js';

/** One device to be told that its mailbox changed. */
export interface PushJob {
  /** Names the device of the mailbox: pushes of one lane are joined, and spaced. */
  readonly lane: string;
  readonly token: NotificationToken;
  /** When the mailbox ends, Unix time in ms. */
  readonly expiresAt: number;
  /** Takes the token out of the mailbox, if it is still the same. */
  readonly forget: () => Promise<void>;
}

/** A push that waits. */
export interface Pending {
  readonly job: PushJob;
  /** When it is given up, Unix time in ms. */
  readonly until: number;
  /** Tries that failed. */
  readonly tries: number;
}

/**
 * One device of one mailbox. At most one push of it waits, the newest, and one is under way. Times are of the monotonic
 * clock, in ms: nothing is begun before both have come. A lane is forgotten when it has nothing to do.
 */
export interface Lane {
  readonly name: string;
  tokenType: string;
  pending: Pending | undefined;
  running: boolean;
  /** End of the interval since the last push began. */
  restsUntil: number;
  /** End of the pause after a failure. */
  pausedUntil: number;
  failures: number;
  timer: NodeJS.Timeout | undefined;
}

/** The lanes of one queue, and which of them have a push that waits. */
export interface Lanes extends Iterable<Lane> {
  /** Pushes that wait. */
  readonly waiting: number;
  /** The lane whose push has waited longest. */
  readonly oldest: Lane | undefined;
  /** The lane of a job; a fresh one if it is not known. */
  of(job: PushJob): Lane;
  /** Takes the place of the push that waits, if one does whose token is of the same type. True if so. */
  replace(pending: Pending): boolean;
  /** Puts a push into a lane where none waits. */
  put(lane: Lane, pending: Pending): void;
  /** Takes the push that waits out of its lane. */
  take(lane: Lane): Pending | undefined;
  forget(lane: Lane): void;
}

/** Makes the lanes of one queue. */
export function createLanes(): Lanes {
  const lanes = new Map<string, Lane>();
  /** Those with a push that waits, oldest first. */
  const waiting = new Set<Lane>();

  function fresh(name: string, tokenType: string): Lane {
    return {
      name,
      tokenType,
      pending: undefined,
      running: false,
      restsUntil: 0,
      pausedUntil: 0,
      failures: 0,
      timer: undefined,
    };
  }

  return {
    get waiting() {
      return waiting.size;
    },
    get oldest() {
      const [oldest] = waiting;
      return oldest;
    },
    of({ lane: name, token }) {
      const lane = lanes.get(name) ?? fresh(name, token.type);
      lanes.set(name, lane);
      // Another provider knows nothing of the failures of the last one.
      if (lane.tokenType !== token.type) Object.assign(lane, { tokenType: token.type, pausedUntil: 0, failures: 0 });
      return lane;
    },
    replace(pending) {
      const { lane: name, token } = pending.job;
      const lane = lanes.get(name);
      if (lane?.pending === undefined || lane.tokenType !== token.type) return false;
      lane.pending = pending;
      return true;
    },
    put(lane, pending) {
      lane.pending = pending;
      waiting.add(lane);
    },
    take(lane) {
      const { pending } = lane;
      lane.pending = undefined;
      waiting.delete(lane);
      return pending;
    },
    forget: (lane) => void lanes.delete(lane.name),
    [Symbol.iterator]: () => lanes.values(),
  };
}
