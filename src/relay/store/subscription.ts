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
  /** The entry under `key` was changed. */
  changed(key: string): void;
  /** The connection was lost. May be called more than once. */
  lost(): void;
}

/** Opens a connection within its own timeout. Rejects on failure, and then leaves no connection open. */
export type OpenConnection = (events: ConnectionEvents) => Promise<SubscriptionConnection>;

/** When a subscriber checks its connection, and opens a new one; all times in ms. */
export interface SubscriptionTimes {
  /** Time between two checks. */
  readonly checkIntervalMs: number;
  readonly checkTimeoutMs: number;
  /** Pause before the first attempt to reconnect. The pause doubles with each failed attempt. */
  readonly minimumPauseMs: number;
  /** Longest pause. A connection with a shorter life counts as a failed attempt. */
  readonly maximumPauseMs: number;
  /** Pause after a failure that only an operator can fix. */
  readonly refusedPauseMs: number;
  /** True for such a failure. */
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

  get isConnected(): boolean {
    return this.#connectedSince !== undefined;
  }

  /** Resolves when no connection is open. */
  stop(): Promise<void> {
    this.#isStopped = true;
    this.#interrupt();
    return waitAtMost(STOP_TIMEOUT_MS, this.#ended);
  }

  async #keepConnected(): Promise<void> {
    while (!this.#isStopped) {
      const cause = await this.#runConnection().catch((error: unknown) => error);
      this.#failures += 1;
      if (!this.#isStopped) await this.#pause(this.#getPause(cause));
    }
  }

  /** Receives over one connection until the connection is lost. Rejects if a connection or a check fails. */
  async #runConnection(): Promise<void> {
    let isLost = false;
    const connection = await this.#open({
      changed: (key) => {
        for (const listener of this.#listeners) listener.changed(key);
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
        await this.#pause(this.#times.checkIntervalMs);
        if (this.#isStopped || isLost) return;
        await this.#unlessInterrupted(withTimeout(this.#times.checkTimeoutMs, () => connection.check()));
        if (this.#isStopped || isLost) return;
      }
    } finally {
      this.#resetFailures();
      this.#connectedSince = undefined;
      await connection.close();
    }
  }

  #resetFailures(): void {
    if (this.#connectedSince === undefined) return;
    if (performance.now() - this.#connectedSince > this.#times.maximumPauseMs) this.#failures = 0;
  }

  #pause(ms: number): Promise<unknown> {
    return this.#unlessInterrupted(delay(ms, { unref: true }));
  }

  #unlessInterrupted(wait: Promise<unknown>): Promise<unknown> {
    return Promise.race([wait, new Promise<void>((resolve) => (this.#interrupt = resolve))]);
  }

  /** Less a random part of up to one half, so that many processes do not reconnect at the same time. */
  #getPause(cause: unknown): number {
    const { minimumPauseMs, maximumPauseMs, refusedPauseMs } = this.#times;
    const backoffMs = Math.min(maximumPauseMs, minimumPauseMs * 2 ** Math.min(this.#failures - 1, 20));
    return (this.#times.isRefusal(cause) ? refusedPauseMs : backoffMs) * (1 - Math.random() / 2);
  }
}
