import { withTimeout } from '../../../src/relay/time.js';
import type { BusySessions, Connections } from './connections.js';
import { destroySocket, type PostgresClient } from './driver.js';
import { PostgresFailure } from './errors.js';

/** Time in ms without an answer after which a connection may be dead. A healthy answer takes some milliseconds. */
export const SILENCE_MS = 500;

/** Time in ms in which a connection that may be dead must answer. */
const PROBE_TIMEOUT_MS = 250;

/** Time in ms after which a failed trial of the server may be repeated. */
const TRIAL_INTERVAL_MS = 1_000;

interface Trial {
  readonly since: number;
  readonly busy: Promise<BusySessions | undefined>;
  hasFailed: boolean;
}

/**
 * Finds dead connections of a pool. After a fail-over, or behind a firewall that forgot them, all connections may be
 * dead without a word, while new ones work; a pool would find out one connection, and one time-out, after the other.
 *
 * A statement without an answer for {@link SILENCE_MS} makes suspect all connections that were silent as long, if the
 * server answers on a new connection. A suspect connection must answer a probe before its next statement. If one does
 * not answer, the store closes all of them. A slow server answers the probes, and keeps its connections. So does a
 * connection whose statement the server still runs, by its list of sessions.
 */
export class Liveness {
  readonly #connections: Connections;
  /** When the server last answered on a connection. */
  readonly #heardAt = new WeakMap<PostgresClient, number>();
  readonly #suspicionListeners = new Set<() => void>();
  /** Connections that were last heard before this time get a probe. */
  #suspectBefore = 0;
  /** Connections that were last heard before this time are dead. */
  #deadBefore = 0;
  /** When the store first saw a connection that the server had not accepted. */
  readonly #seenAt = new WeakMap<object, number>();
  /** Counts the connections that the store closed before the server accepted them. */
  #closings = 0;
  #trial: Trial | undefined;

  constructor(connections: Connections) {
    this.#connections = connections;
    connections.onConnect((client) => {
      // A pool takes its own listener off before the call has one. An error that arrives in the same packet as the end
      // of the login, or of the last statement, would end the process.
      client.on('error', () => {});
      this.noteAnswer(client);
    });
  }

  /** Returns a connection of the pool that works, as far as the store can tell. */
  async acquire(): Promise<PostgresClient> {
    for (;;) {
      const client = await this.#connect();
      const heardAt = this.#heardAt.get(client);
      if (heardAt !== undefined && heardAt >= this.#suspectBefore) return client;
      if (heardAt === undefined && this.#suspectBefore === 0) return client;
      const isKnownDead = heardAt !== undefined && heardAt < this.#deadBefore;
      if (!isKnownDead && (await this.#probe(client))) return client;
      discard(client);
    }
  }

  /** Tries again if the store itself has closed the connection. */
  async #connect(): Promise<PostgresClient> {
    for (;;) {
      const closings = this.#closings;
      try {
        return await this.#connections.connect();
      } catch (error) {
        if (closings === this.#closings) throw error;
      }
    }
  }

  /** The server has answered on this connection. */
  noteAnswer(client: PostgresClient): void {
    this.#heardAt.set(client, performance.now());
  }

  /**
   * A statement that was sent at `sentAt` on `client` has no answer yet. Resolves to true if the server answers on a
   * new connection, and does not run the statement: the connection is dead.
   */
  async reportSilence(client: PostgresClient, sentAt: number): Promise<boolean> {
    const busy = await this.#shareTrial(sentAt);
    if (busy === undefined) return false;
    this.#suspectBefore = Math.max(this.#suspectBefore, sentAt);
    return !busy.has(Number(Reflect.get(client, 'processID')));
  }

  /**
   * A call waits for a connection. New connections to a server that died without a word may never open, and a pool of
   * the host may have no time limit for them: they would fill the pool for good. If the server answers on a connection
   * that is newer, the store closes them.
   */
  async reportWait(): Promise<void> {
    const connecting = this.#connections.getConnecting();
    if (connecting.length === 0) return;
    const now = performance.now();
    for (const client of connecting) if (!this.#seenAt.has(client)) this.#seenAt.set(client, now);
    const newest = Math.max(...connecting.map((client) => this.#seenAt.get(client) ?? now));
    if ((await this.#shareTrial(newest)) === undefined) return;
    const unopened = new Set(this.#connections.getConnecting());
    for (const client of connecting) {
      if (!unopened.has(client)) continue;
      this.#closings += 1;
      destroySocket(client);
    }
  }

  /** A trial knows only about connections and statements that began before it. */
  #shareTrial(since: number): Promise<BusySessions | undefined> {
    const earliest = this.#trial?.hasFailed === true ? performance.now() - TRIAL_INTERVAL_MS : 0;
    if (this.#trial === undefined || this.#trial.since < Math.max(since, earliest)) {
      const trial: Trial = { since: performance.now(), hasFailed: false, busy: this.#tryServer(since) };
      this.#trial = trial;
      void trial.busy.then((busy) => {
        trial.hasFailed = busy === undefined;
      });
    }
    return this.#trial.busy;
  }

  async #tryServer(sentAt: number): Promise<BusySessions | undefined> {
    const busy = await this.#connections.tryServer();
    if (busy === undefined) return undefined;
    this.#suspectBefore = Math.max(this.#suspectBefore, sentAt);
    for (const listener of this.#suspicionListeners) listener();
    // Probes a connection now, so that the next call does not wait for the result.
    this.acquire().then(
      (client) => client.release(),
      () => {},
    );
    return busy;
  }

  /** Calls `listener` when connections may be dead while new ones work. Returns a function that ends the calls. */
  onSuspicion(listener: () => void): () => void {
    this.#suspicionListeners.add(listener);
    return () => void this.#suspicionListeners.delete(listener);
  }

  async #probe(client: PostgresClient): Promise<boolean> {
    const ignore = (): void => {};
    client.on('error', ignore);
    try {
      await withTimeout(PROBE_TIMEOUT_MS, () => client.query({ text: 'select 1' }));
      this.noteAnswer(client);
      return true;
    } catch {
      this.#deadBefore = this.#suspectBefore;
      return false;
    } finally {
      client.removeListener('error', ignore);
    }
  }
}

/** Removes a dead connection from its pool. */
export function discard(client: PostgresClient): void {
  client.on('error', () => {}); // An error that arrives while the connection closes.
  client.release(new PostgresFailure('POSTGRES_CONNECTION_LOST'));
  destroySocket(client);
}
