import { createCallLimit } from '../../../src/relay/store/call-limit.js';
import { withTimeout } from '../../../src/relay/time.js';
import {
  closedError,
  overloadedError,
  type RedisStoreError,
  readReplyCode,
  timeoutError,
  toStoreError,
  unreachableError,
} from './errors.js';

/** A connection to one server, or to all nodes of a cluster. A lost connection stays lost: the manager replaces it. */
export interface RedisConnection {
  /** Sends a command to the master of `key`; without a key, to any master. Rejects at once if not connected. */
  send(key: string | undefined, command: readonly string[]): Promise<unknown>;
  /** False after the connection was lost. */
  isUp(): boolean;
  /** Closes the connection at once; pending commands reject. Never throws. */
  destroy(): void;
  /** True if a part can fail (one node of a cluster): the connection then stays in use until its successor is open. */
  readonly partial: boolean;
  /** The master of each slot of a cluster; undefined for a slot that no node serves. Absent without a cluster. */
  getMasters?(): readonly ({ readonly master: unknown } | undefined)[];
}

/** Opens a connection within its own time-out. A later failure calls `onLost`, possibly more than once. */
export type OpenRedisConnection = (onLost: () => void) => Promise<RedisConnection>;

/** The first pause before an attempt to connect, in ms; each failed attempt doubles the pause. */
export const MINIMUM_PAUSE_MS = 25;
/** The longest pause between two attempts to connect, in ms. */
export const MAXIMUM_PAUSE_MS = 250;
/** The pause, in ms, before a partial connection is replaced that failed soon after it was opened. */
const PARTIAL_PAUSE_MS = 1000;

/** The longest wait of a call for the successor of a silent partial connection, in ms. */
const SUCCESSOR_WAIT_MS = 250;

interface ManagedConnection {
  readonly connection: RedisConnection;
  readonly openedAt: number;
  pending: number;
  retired: boolean;
  /** True after a call that got no answer in time. */
  isSilent: boolean;
}

/**
 * Holds one connection, which the first call opens. The manager replaces a connection that was lost, that did not
 * answer within `timeoutMs`, or whose server became a replica, and looks up the master for each attempt. The
 * reconnection of the client library does not suffice: the library dials the same address for ever, where after a
 * fail-over another node is the master, and does not notice a silent peer.
 */
export class ConnectionManager {
  readonly #open: OpenRedisConnection;
  readonly #timeoutMs: number;
  readonly #limit = createCallLimit();
  #current: ManagedConnection | undefined;
  #opening: Promise<ManagedConnection> | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #lastFailure: RedisStoreError | undefined;
  #failures = 0;
  #closed = false;
  #onIdle: (() => void) | undefined;

  constructor(open: OpenRedisConnection, timeoutMs: number) {
    this.#open = open;
    this.#timeoutMs = timeoutMs;
  }

  /** Sends a command; rejects with a RedisStoreError, at the latest after the time-out. */
  async send(key: string | undefined, command: readonly string[]): Promise<unknown> {
    if (this.#closed) throw closedError();
    const call: { connection?: ManagedConnection } = {};
    const run = (): Promise<unknown> =>
      withTimeout(
        this.#timeoutMs,
        () => this.#sendNow(key, command, call),
        () => this.#onTimeout(call.connection),
      );
    try {
      return await this.#limit.run(countCharacters(command), run, overloadedError);
    } catch (cause) {
      throw toStoreError(cause);
    }
  }

  /** The master of each slot of the cluster to which the manager is connected; undefined without a cluster. */
  getMasters(): readonly ({ readonly master: unknown } | undefined)[] | undefined {
    return this.#current?.connection.getMasters?.();
  }

  /** Waits for pending calls, then closes. Later calls reject. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#retryTimer);
    await this.#waitFor(this.#opening);
    if (this.#current === undefined) return;
    if (this.#current.pending > 0) await this.#waitFor(new Promise<void>((resolve) => (this.#onIdle = resolve)));
    this.#current.connection.destroy();
    this.#current = undefined;
  }

  async #sendNow(
    key: string | undefined,
    command: readonly string[],
    call: { connection?: ManagedConnection },
  ): Promise<unknown> {
    const managed = this.#current?.isSilent === false ? this.#current : await this.#selectConnection();
    call.connection = managed;
    managed.pending += 1;
    try {
      return await managed.connection.send(key, command);
    } catch (cause) {
      const code = readReplyCode(cause);
      // Without a reply the connection is gone; READONLY is the reply of a server that is no longer the master.
      if (code === undefined || code === 'READONLY') this.#replace(managed, toStoreError(cause));
      throw cause;
    } finally {
      managed.pending -= 1;
      if (managed.pending === 0 && managed.retired) managed.connection.destroy();
      if (managed.pending === 0 && managed === this.#current) this.#onIdle?.();
    }
  }

  #onTimeout(connection: ManagedConnection | undefined): RedisStoreError {
    const failure = timeoutError(this.#timeoutMs);
    if (connection !== undefined && connection === this.#current) {
      // The server may not answer the next call either: until it answers, no call waits.
      this.#failures = Math.max(this.#failures, 1);
      connection.isSilent = true;
      this.#replace(connection, failure);
    }
    return failure;
  }

  /**
   * While the successor of a silent partial connection opens, a call waits for it a short time: on the old connection the
   * call could run into its own time-out. Not longer, because the other nodes of a cluster may answer there.
   */
  async #selectConnection(): Promise<ManagedConnection> {
    const current = this.#current;
    if (current === undefined) return this.#connectUnlessFailing();
    const opening = this.#opening;
    if (opening === undefined) return current;
    return withTimeout(SUCCESSOR_WAIT_MS, () => opening).catch(() => this.#current ?? current);
  }

  /** While attempts fail, calls fail at once: no call waits in a queue for a server that is down. */
  async #connectUnlessFailing(): Promise<ManagedConnection> {
    if (this.#failures > 0 && this.#lastFailure !== undefined) throw this.#lastFailure;
    return this.#connect();
  }

  #connect(): Promise<ManagedConnection> {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = undefined;
    this.#opening ??= this.#attempt();
    this.#opening.catch(() => {}); // The waiting calls report the failure, if there are any.
    return this.#opening;
  }

  async #attempt(): Promise<ManagedConnection> {
    try {
      return await this.#openConnection();
    } catch (cause) {
      this.#opening = undefined;
      this.#lastFailure = toStoreError(cause);
      this.#connectAfter(Math.min(MAXIMUM_PAUSE_MS, MINIMUM_PAUSE_MS * 2 ** this.#failures));
      this.#failures = Math.min(this.#failures + 1, 10);
      throw this.#lastFailure;
    }
  }

  async #openConnection(): Promise<ManagedConnection> {
    let managed: ManagedConnection | undefined;
    const connection = await this.#open(() => managed !== undefined && this.#replace(managed, unreachableError()));
    managed = { connection, openedAt: performance.now(), pending: 0, retired: false, isSilent: false };
    if (this.#closed || !connection.isUp()) {
      connection.destroy();
      throw this.#closed ? closedError() : unreachableError();
    }
    // In the same turn, before a caller resumes: a connection that is lost from now on has to be replaced.
    this.#opening = undefined;
    this.#failures = 0;
    if (this.#current !== undefined) this.#retire(this.#current);
    this.#current = managed;
    return managed;
  }

  /** Connects after `ms`, less a random part of up to one half, so that many processes do not connect in step. */
  #connectAfter(ms: number): void {
    if (this.#closed || this.#retryTimer !== undefined) return;
    this.#retryTimer = setTimeout(() => this.#connect(), ms * (1 - Math.random() / 2));
    this.#retryTimer.unref();
  }

  /** Replaces a failed connection. A partial connection stays in use until then. */
  #replace(managed: ManagedConnection, failure: RedisStoreError): void {
    if (managed !== this.#current || this.#closed) return;
    const { connection, openedAt } = managed;
    this.#lastFailure = failure;
    if (!connection.partial) {
      this.#current = undefined;
      connection.destroy();
    }
    if (this.#opening !== undefined) return;
    // A connection that failed soon (a replica that denies ROLE, a node that stays down) is not replaced at once.
    const pause = connection.partial ? PARTIAL_PAUSE_MS : MAXIMUM_PAUSE_MS;
    const failedSoon = performance.now() - openedAt < pause;
    if (failedSoon) this.#failures = Math.max(this.#failures, 1);
    if (connection.partial && managed.isSilent && !failedSoon) void this.#connect();
    else this.#connectAfter(failedSoon ? pause : MINIMUM_PAUSE_MS);
  }

  #retire(managed: ManagedConnection): void {
    managed.retired = true;
    if (managed.pending === 0) managed.connection.destroy();
    else setTimeout(() => managed.connection.destroy(), this.#timeoutMs).unref();
  }

  /** Resolves when `promise` has settled, at the latest after the time-out. */
  async #waitFor(promise: Promise<unknown> = Promise.resolve()): Promise<void> {
    await withTimeout(this.#timeoutMs, () => promise).catch(() => {});
  }
}

/** Counts the characters of a command, which are about its bytes. */
export function countCharacters(command: readonly string[]): number {
  let characters = 0;
  for (const argument of command) characters += argument.length;
  return characters;
}
