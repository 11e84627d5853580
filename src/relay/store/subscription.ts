import type { ChangeBus, ChangeListener } from '../long-poll/contract.js';
import { delay, waitAtMost, withTimeout } from '../time.js';

/** An open connection that receives change notifications. */
export interface SubscriptionConnection {
  /** Resolves if the connection still receives. A connection that only listens does not notice a silent peer. */
  check(): Promise<unknown>;
  /** Closes the connection. Never rejects. */
  close(): Promise<void>;
}

/** Callbacks of an open connection. */
export interface ConnectionEvents {
  /** Word of the entry under `key`. */
  changed(key: string): void;
  /** The connection is gone. May be called more than once. */
  lost(): void;
}

/** Opens a connection within its own timeout. Rejects on failure, and then leaves no connection open. */
export type OpenConnection = (events: ConnectionEvents) => Promise<SubscriptionConnection>;

/** When a subscriber checks its connection, and opens a new one; all times in ms. */
export interface SubscriptionTimes {
  /** From one check to the next. */
  readonly checkIntervalMs: number;
  /** Longest time of a check. */
  readonly checkTimeoutMs: number;
  /** The first pause before a connection is sought again; it doubles with each attempt that fails. */
  readonly minimumPauseMs: number;
  /** The longest such pause. A connection that lived less long counts as an attempt that failed. */
  readonly maximumPauseMs: number;
  /** The pause after a failure that only an operator can mend, so that asking again soon is of no use. */
  readonly refusedPauseMs: number;
  /** Tells such a failure from others. */
  isRefusal(cause: unknown): boolean;
}

/** The subscribing half of a change bus. */
export interface ChangeSubscriber extends Pick<ChangeBus, 'subscribe'> {
  /** Ends all subscriptions. Later subscriptions receive no notifications. */
  close(): Promise<void>;
}

/**
 * Creates the subscribing half of a change bus: one connection for all listeners, opened for the first listener and
 * closed after the last. The subscriber reconnects until then. Its timers do not keep the process alive.
 */
export function createChangeSubscriber(open: OpenConnection, times: SubscriptionTimes): ChangeSubscriber {
  const listeners = new Set<ChangeListener>();
  let session: SubscriptionSession | undefined;
  let ending: Promise<void> = Promise.resolve();
  let isClosed = false;

  function stop(): Promise<void> {
    if (session !== undefined) ending = session.stop();
    session = undefined;
    return ending;
  }

  return {
    subscribe(listener) {
      if (isClosed) return async () => {};
      // A new object per call: a listener that subscribes twice is called twice, and unsubscribes once per call.
      const entry: ChangeListener = { changed: (key) => listener.changed(key), resync: () => listener.resync() };
      listeners.add(entry);
      session ??= new SubscriptionSession(open, times, listeners);
      if (session.isConnected) queueMicrotask(() => listeners.has(entry) && entry.resync());
      return async () => {
        listeners.delete(entry);
        if (listeners.size === 0) await stop();
      };
    },
    close() {
      isClosed = true;
      listeners.clear();
      return stop();
    },
  };
}

/** Longest wait for the end of a connection, or of an attempt to open a connection. */
const STOP_TIMEOUT_MS = 2000;

/** One connection after another, from the first listener to the last. */
class SubscriptionSession {
  readonly #open: OpenConnection;
  readonly #times: SubscriptionTimes;
  readonly #listeners: ReadonlySet<ChangeListener>;
  readonly #ended: Promise<void>;
  #connectedSince: number | undefined;
  #failures = 0;
  #isStopped = false;
  /** Ends the current wait. */
  #interrupt: () => void = () => {};

  constructor(open: OpenConnection, times: SubscriptionTimes, listeners: ReadonlySet<ChangeListener>) {
    this.#open = open;
    this.#times = times;
    this.#listeners = listeners;
    this.#ended = this.#keepConnected();
  }

  /** Listens over one connection for as long as it lasts; rejects if there is none to be had, or it fell silent. */
  async function listen(): Promise<void> {
    let lost = false;
    const ear = await open({
      changed: (key) => {
        for (const listener of listeners) listener.changed(key);
      },
      lost: () => {
        isLost = true;
        this.#interrupt();
      },
    });
    try {
      if (this.#isStopped || isLost) return;
      this.#connectedSince = performance.now();
      for (const listener of this.#listeners) listener.resync();
      for (;;) {
        await unlessInterrupted(delay(times.checkIntervalMs, { unref: true }));
        if (stopped || lost) return;
        await unlessInterrupted(withTimeout(times.checkTimeoutMs, () => ear.check()));
        if (stopped || lost) return;
      }
    } finally {
      if (listeningSince !== undefined && performance.now() - listeningSince > times.maximumPauseMs) failures = 0;
      listeningSince = undefined;
      await ear.close();
    }
  }

  async function keepListening(): Promise<void> {
    while (!stopped) {
      const cause = await listen().catch((error: unknown) => error);
      failures += 1;
      if (!stopped) await unlessInterrupted(delay(pauseAfter(failures, cause, times), { unref: true }));
    }
  }

  const ended = keepListening();
  return {
    isListening: () => listeningSince !== undefined,
    stop() {
      stopped = true;
      interrupt();
      return waitAtMost(LONGEST_STOP, ended);
    },
  };
}

/** Less a random part of up to the half, so that many processes do not come at once. */
function pauseAfter(failures: number, cause: unknown, times: SubscriptionTimes): number {
  const backOff = Math.min(times.maximumPauseMs, times.minimumPauseMs * 2 ** Math.min(failures - 1, 20));
  return (times.isRefusal(cause) ? times.refusedPauseMs : backOff) * (1 - Math.random() / 2);
}
