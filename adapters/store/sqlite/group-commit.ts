import { createCallLimit } from '../../../src/relay/store/call-limit.js';
import { StoreFullError } from '../../../src/relay/store/contract.js';
import { delay } from '../../../src/relay/time.js';
import type { SqliteConnection, SqliteConnector } from './connection.js';
import { closedError, getErrorCode, isBusy, overloadedError } from './errors.js';

/** A change within a transaction that other changes share. A RangeError or StoreFullError fails this change only. */
export type SqliteChange<Result> = (connection: SqliteConnection, now: number) => Result;

interface QueuedChange {
  readonly change: SqliteChange<unknown>;
  readonly retryUntil: number;
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

/** Most changes per transaction: a longer transaction would hold the lock, and block the event loop, for too long. */
const MAXIMUM_BATCH = 128;

/**
 * Group commit. Changes of one turn of the event loop share a transaction, and so one flush to the disk, the most
 * expensive step: 30 concurrent changes take little longer than one. While the database is locked, the queue waits in
 * JavaScript, some milliseconds at a time, and the event loop continues; after `busyTimeoutMs` the call rejects with
 * SQLITE_BUSY.
 */
export class GroupCommitQueue {
  readonly #connector: SqliteConnector;
  readonly #busyTimeoutMs: number;
  readonly #clock: () => number;
  readonly #limit = createCallLimit();
  #queue: QueuedChange[] = [];
  #working: Promise<void> | undefined;
  #closed = false;

  constructor(connector: SqliteConnector, busyTimeoutMs: number, clock: () => number) {
    this.#connector = connector;
    this.#busyTimeoutMs = busyTimeoutMs;
    this.#clock = clock;
  }

  /**
   * Runs a change and resolves after the commit. The change occupies `bytes` of the queue. Rejects at once with
   * SQLITE_BUSY while too many changes, or too many bytes, wait.
   */
  async write<Result>(change: SqliteChange<Result>, bytes = 0): Promise<Result> {
    if (this.#closed) throw closedError();
    return this.#limit.run(bytes, () => this.#enqueue(change), overloadedError);
  }

  /** Runs `act` outside of a transaction. Tries again while the database is locked. */
  run<Result>(act: (connection: SqliteConnection) => Result): Promise<Result> {
    return this.#run(act, false, performance.now() + this.#busyTimeoutMs);
  }

  /** Waits for the queued changes. Later calls reject. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#working;
  }

  #enqueue<Result>(change: SqliteChange<Result>): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      const retryUntil = performance.now() + this.#busyTimeoutMs;
      this.#queue.push({ change, retryUntil, resolve: resolve as (result: unknown) => void, reject });
      this.#working ??= this.#work();
    });
  }

  async #work(): Promise<void> {
    while (this.#queue.length > 0) {
      // Requests that arrived during the last flush run first, and share the next commit.
      await new Promise(setImmediate);
      const batch = this.#queue.slice(0, MAXIMUM_BATCH);
      this.#queue = this.#queue.slice(MAXIMUM_BATCH);
      await this.#commit(batch);
    }
    this.#working = undefined;
  }

  async #commit(batch: readonly QueuedChange[]): Promise<void> {
    try {
      const settlers = await this.#run(
        (connection) => runTransaction(connection, batch, this.#clock),
        true,
        batch[0]?.retryUntil ?? 0,
      );
      for (const settle of settlers) settle();
    } catch (error) {
      // One change may have failed the others, for example by its size: each change runs alone now.
      if (batch.length > 1 && !isBusy(error)) for (const queued of batch) await this.#commit([queued]);
      else for (const { reject } of batch) reject(error);
    }
  }

  async #run<Result>(
    act: (connection: SqliteConnection) => Result,
    isWrite: boolean,
    retryUntil: number,
  ): Promise<Result> {
    for (;;) {
      try {
        const loading = this.#connector.load();
        if (loading !== undefined) await loading;
        return act(this.#getConnection(isWrite));
      } catch (error) {
        const failure = error instanceof StoreFullError ? error : this.#connector.explain(error);
        if (!isBusy(failure) || performance.now() >= retryUntil) throw this.#toRejection(failure);
      }
      // 1 to 9 ms at random, so that processes do not try in step.
      await delay(1 + 8 * Math.random());
    }
  }

  #getConnection(isWrite: boolean): SqliteConnection {
    if (this.#closed && this.#working === undefined) throw closedError();
    return this.#connector.getConnection(isWrite);
  }

  /** Resets a connection that may have caused the failure. */
  #toRejection(failure: Error): Error {
    if (failure instanceof StoreFullError || isBusy(failure)) return failure;
    if (getErrorCode(failure).startsWith('SQLITE_FULL'))
      return new StoreFullError(failure.message, { cause: failure.cause });
    if (failure.cause !== undefined) this.#connector.reset(); // Without a cause the store itself refused the call.
    return failure;
  }
}

/** Runs a batch in one transaction. Returns functions to call after the commit; throws if the transaction failed. */
function runTransaction(
  connection: SqliteConnection,
  batch: readonly QueuedChange[],
  clock: () => number,
): (() => void)[] {
  const { database } = connection;
  // By `exec`: in libsql a prepared BEGIN that met a lock would pin the snapshot of later reads.
  database.exec('BEGIN IMMEDIATE');
  try {
    // After BEGIN, since deadlines may pass during the wait for the lock.
    const now = clock();
    const settlers = batch.map((queued) => runChange(queued, connection, now));
    database.exec('COMMIT');
    return settlers;
  } catch (error) {
    // Some failures have ended the transaction already.
    if (database.inTransaction) rollBack(connection);
    throw error;
  }
}

function runChange({ change, resolve, reject }: QueuedChange, connection: SqliteConnection, now: number): () => void {
  try {
    const result = change(connection, now);
    return () => resolve(result);
  } catch (error) {
    if (error instanceof RangeError || error instanceof StoreFullError) return () => reject(error);
    throw error;
  }
}

function rollBack({ database }: SqliteConnection): void {
  try {
    database.exec('ROLLBACK');
  } catch {
    // The first error says more.
  }
}
