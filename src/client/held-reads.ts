import { TaskQueue } from './task-queue.js';
import { abortable, LONGEST_TIMER_MS } from './timing.js';

/** Web Locks are asked for this many held reads at most. An app that raises the number has HTTP/2, or no other tabs. */
const MAXIMUM_LOCKS = 6;

/** A browser answers at once whether a lock is free. */
const LOCK_TIMEOUT_MS = 1000;

/** So many polls of one origin per `pollMs`. Each poll has its turn, so more devices poll less often. */
const POLLS_PER_INTERVAL = 4;

/** The part of the Web Locks interface that the client uses; all tabs of an app share it. */
interface Locks {
  request(
    name: string,
    options: { ifAvailable: true },
    callback: (lock: unknown) => Promise<void> | undefined,
  ): Promise<unknown>;
}

/** The waits for messages on one relay, in this realm. */
class Origin {
  waits = 0;
  held = 0;
  /** Waits without a held read, in the order in which they get one. */
  readonly polling = new Set<Wait>();
  /** Polls run one at a time, so that they use one connection. */
  readonly polls = new TaskQueue();
}

const origins = new Map<string, Origin>();

/**
 * One call of `next`. A browser has six HTTP/1.1 connections per host, which all tabs share, and a held read uses one.
 * So only `maximum` waits per origin have a held read. The other waits poll until it is their turn: a held read that
 * ends is passed on to the wait that has polled for the longest time.
 */
export class Wait {
  readonly #name: string;
  readonly #origin: Origin;
  readonly #maximum: number;
  #release: (() => void) | undefined;
  #wake: (() => void) | undefined;

  constructor(url: string, maximum: number) {
    this.#name = /^\w+:\/\/[^/]*/.exec(url)?.[0] ?? '';
    this.#origin = origins.get(this.#name) ?? new Origin();
    origins.set(this.#name, this.#origin);
    this.#origin.waits += 1;
    this.#maximum = maximum;
  }

  /** Resolves to true if this wait may send a held read. Call {@link Wait.yield} after the read. */
  async mayHold(): Promise<boolean> {
    const origin = this.#origin;
    if (this.#release === undefined && origin.held < this.#maximum) {
      origin.held += 1;
      this.#release = await lockOne(this.#name, this.#maximum);
      if (this.#release === undefined) origin.held -= 1;
    }
    if (this.#release === undefined) origin.polling.add(this);
    else origin.polling.delete(this);
    return this.#release !== undefined;
  }

  /** Passes the held read on to the next wait, or gives it up. */
  yield(): void {
    const release = this.#release;
    if (release === undefined) return;
    this.#release = undefined;
    const [next] = this.#origin.polling;
    if (next === undefined) {
      this.#origin.held -= 1;
      release();
      return;
    }
    this.#origin.polling.delete(next);
    next.#release = release;
    next.#wake?.();
  }

  /** Sends a read in turn with the polls of the other waits. */
  poll<Value>(read: () => Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
    return this.#origin.polls.run(read, signal);
  }

  /** Waits until the next poll, or until it gets a held read or {@link Wait.wake} is called. */
  async pause(ms: number, signal: AbortSignal | undefined): Promise<undefined> {
    if (this.#release !== undefined) return undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const elapsed = new Promise<void>((resolve) => {
      this.#wake = resolve;
      timer = setTimeout(resolve, Math.min(ms, LONGEST_TIMER_MS));
    });
    try {
      await abortable(elapsed, signal);
    } finally {
      clearTimeout(timer);
      this.#wake = undefined;
    }
    return undefined;
  }

  /** Ends a pause. */
  wake(): void {
    this.#wake?.();
  }

  /** Milliseconds to the next poll: `pollMs`, or more if more than four waits poll. */
  getInterval(pollMs: number): number {
    return pollMs * Math.max(1, this.#origin.polling.size / POLLS_PER_INTERVAL);
  }

  /** Gives up the held read, or the place in the order. */
  stepBack(): void {
    this.#origin.polling.delete(this);
    this.yield();
  }

  /** Ends the wait. */
  end(): void {
    this.stepBack();
    this.#origin.waits -= 1;
    if (this.#origin.waits === 0) origins.delete(this.#name);
  }
}

/** Takes one of the locks that all tabs of the app share. Resolves to its release; `undefined` if none is free. */
async function lockOne(name: string, maximum: number): Promise<(() => void) | undefined> {
  const { navigator } = globalThis as { readonly navigator?: { readonly locks?: Locks } };
  const locks = navigator?.locks;
  if (locks === undefined || maximum > MAXIMUM_LOCKS) return () => {};
  for (let index = 0; index < maximum; index += 1) {
    const release = await lock(locks, `credential-relay ${name} ${index}`);
    if (release !== undefined) return release;
  }
  return undefined;
}

function lock(locks: Locks, name: string): Promise<(() => void) | undefined> {
  return new Promise((resolve) => {
    let isLate = false;
    // A sandboxed frame may not use locks. Without an answer, the wait goes on as without locks.
    const holdWithoutLock = (): void => {
      isLate = true;
      resolve(() => {});
    };
    const timer = setTimeout(holdWithoutLock, LOCK_TIMEOUT_MS);
    const request = async (): Promise<unknown> =>
      locks.request(name, { ifAvailable: true }, (granted) => {
        clearTimeout(timer);
        if (granted !== null && !isLate) return new Promise<void>((release) => resolve(release));
        resolve(undefined);
        return undefined;
      });
    request()
      .catch(holdWithoutLock)
      .finally(() => clearTimeout(timer));
  });
}
