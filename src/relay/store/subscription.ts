import type { ChangeBus, ChangeListener } from '../long-poll/contract.js';
import { delay, waitAtMost, withTimeout } from '../time.js';

/** An open connection over which word of changes comes in. */
export interface SubscriptionConnection {
  /** Resolves if the connection still hears: whoever only listens learns of a silent peer in no other way. */
  check(): Promise<unknown>;
  /** Ends the connection. Never rejects. */
  close(): Promise<void>;
}

/** What an open connection is for. */
export interface ConnectionEvents {
  /** Word of the entry under `key`. */
  changed(key: string): void;
  /** The connection is gone. May be called more than once. */
  lost(): void;
}

/** Opens a connection that listens, within a time of its own. Rejects if that fails, and leaves nothing open then. */
export type OpenConnection = (events: ConnectionEvents) => Promise<SubscriptionConnection>;

/** When a connection is checked and sought again; all times in ms. */
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

/** The listening half of a bus, and its end. */
export interface ChangeSubscriber extends Pick<ChangeBus, 'subscribe'> {
  /** Ends all subscriptions; later ones hear nothing. */
  close(): Promise<void>;
}

/**
 * Makes the listening half of a bus: one connection for all who listen, opened for the first and closed after the last,
 * and sought for ever when it is lost. Nothing of it keeps the process alive, as long as the connection does not.
 */
export function createChangeSubscriber(open: OpenConnection, times: SubscriptionTimes): ChangeSubscriber {
  const listeners = new Set<ChangeListener>();
  let run: SubscriptionSession | undefined;
  let ending: Promise<void> = Promise.resolve();
  let closed = false;

  function stop(): Promise<void> {
    if (run !== undefined) ending = run.stop();
    run = undefined;
    return ending;
  }

  return {
    subscribe(listener) {
      if (closed) return async () => {};
      // A listener of its own for each call: one that is given twice hears twice, and is let go one at a time.
      const own: ChangeListener = { changed: (key) => listener.changed(key), resync: () => listener.resync() };
      listeners.add(own);
      run ??= startSession(open, times, listeners);
      if (run.isListening()) queueMicrotask(() => listeners.has(own) && own.resync());
      return async () => {
        listeners.delete(own);
        if (listeners.size === 0) await stop();
      };
    },
    close() {
      closed = true;
      listeners.clear();
      return stop();
    },
  };
}

/** Longest time, in ms, to wait for the end of a connection, or of an attempt to open one. */
const LONGEST_STOP = 2000;

/** One connection after another, from the first listener to the last. */
interface SubscriptionSession {
  isListening(): boolean;
  /** Resolves when nothing is open any more. */
  stop(): Promise<void>;
}

function startSession(
  open: OpenConnection,
  times: SubscriptionTimes,
  listeners: ReadonlySet<ChangeListener>,
): SubscriptionSession {
  let stopped = false;
  let listeningSince: number | undefined;
  let failures = 0;
  let interrupt: () => void = () => {};

  /** Waits for what is given, or for an interruption if that is sooner. */
  function unlessInterrupted(wait: Promise<unknown>): Promise<unknown> {
    return Promise.race([wait, new Promise<void>((resolve) => (interrupt = resolve))]);
  }

  /** Listens over one connection for as long as it lasts; rejects if there is none to be had, or it fell silent. */
  async function listen(): Promise<void> {
    let lost = false;
    const ear = await open({
      changed: (key) => {
        for (const listener of listeners) listener.changed(key);
      },
      lost: () => {
        lost = true;
        interrupt();
      },
    });
    try {
      if (stopped || lost) return;
      listeningSince = performance.now();
      for (const listener of listeners) listener.resync();
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
