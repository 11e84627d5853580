import { withTimeout } from '../../../src/relay/time.js';
import type { Connections } from './connections.js';
import { destroySocket, type PostgresClient } from './driver.js';
import { PostgresFailure } from './errors.js';

/** Time in ms without an answer after which a connection may be dead. A healthy answer takes some milliseconds. */
export const SILENCE_MS = 500;

/** Time in ms in which a connection that may be dead must answer. */
const PROBE_TIMEOUT_MS = 250;

/** Shortest time between two trials of the server, in ms. */
const TRIAL_INTERVAL_MS = 1_000;

/**
 * Finds dead connections of a pool. After a fail-over, or behind a firewall that forgot them, all connections may be
 * dead without a word, while new ones work; a pool would find out one connection, and one time-out, after the other.
 *
 * A statement without an answer for {@link SILENCE_MS} makes suspect all connections that were silent as long, if the
 * server answers on a new connection. A suspect connection must answer a probe before its next statement. If one does
 * not answer, the store closes all of them. A slow server answers the probes, and keeps its connections.
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
  #trial: { readonly since: number; readonly answers: Promise<boolean> } | undefined;

  constructor(connections: Connections) {
    this.#connections = connections;
    connections.onConnect((client) => this.noteAnswer(client));
  }

  /** Returns a connection of the pool that works, as far as the store can tell. */
  async acquire(): Promise<PostgresClient> {
    for (;;) {
      const client = await this.#connections.connect();
      const heardAt = this.#heardAt.get(client);
      if (heardAt !== undefined && heardAt >= this.#suspectBefore) return client;
      if (heardAt === undefined && this.#suspectBefore === 0) return client;
      const isKnownDead = heardAt !== undefined && heardAt < this.#deadBefore;
      if (!isKnownDead && (await this.#probe(client))) return client;
      discard(client);
    }
  }

  /** The server has answered on this connection. */
  noteAnswer(client: PostgresClient): void {
    this.#heardAt.set(client, performance.now());
  }

  /**
   * A statement that was sent at `sentAt` has no answer yet. Resolves to true if the server answers on a new
   * connection, so that the one of the statement is dead or slow.
   */
  async reportSilence(sentAt: number): Promise<boolean> {
    const now = performance.now();
    if (this.#trial === undefined || now - this.#trial.since > TRIAL_INTERVAL_MS) {
      this.#trial = { since: now, answers: this.#tryServer(sentAt) };
    }
    const answers = await this.#trial.answers;
    if (answers) this.#suspectBefore = Math.max(this.#suspectBefore, sentAt);
    return answers;
  }

  async #tryServer(sentAt: number): Promise<boolean> {
    if (!(await this.#connections.tryServer())) return false;
    this.#suspectBefore = Math.max(this.#suspectBefore, sentAt);
    for (const listener of this.#suspicionListeners) listener();
    // Probes a connection now, so that the next call does not wait for the result.
    this.acquire().then(
      (client) => client.release(),
      () => {},
    );
    return true;
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
