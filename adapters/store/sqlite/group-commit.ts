import { createCallLimit } from '../../../src/relay/store/call-limit.js';
import { StoreFullError } from '../../../src/relay/store/contract.js';
import { codeOf, isBusy, type SqliteConnection, type SqliteConnector, SqliteStoreError } from './connection.js';

/** One change, run inside a transaction that it shares with others; a RangeError or a StoreFullError fails this change alone. */
export type SqliteChange<Answer> = (connection: SqliteConnection, now: number) => Answer;

/** Runs statements against a database that other processes use as well. */
export interface SqliteRunner {
  /**
   * Runs a change, which holds `bytes` (default 0) until it is committed, and then resolves. Rejects at once with
   * SQLITE_BUSY while too many changes, or too many bytes, wait already.
   */
  write<Answer>(change: SqliteChange<Answer>, bytes?: number): Promise<Answer>;
  /** Runs something that needs no transaction of ours, as often as somebody else is busy. */
  attempt<Answer>(run: (connection: SqliteConnection) => Answer): Promise<Answer>;
  /** Lets the changes that were asked for end, and refuses all that comes later. */
  close(): Promise<void>;
}

interface Pending {
  readonly change: SqliteChange<unknown>;
  readonly until: number;
  resolve(answer: unknown): void;
  reject(error: unknown): void;
}

/** Changes in one transaction: more would keep the lock, and the event loop, for too long. */
const BATCH = 128;

/**
 * Group commit. Changes that arrive within one turn of the event loop share a transaction, and so one flush to the
 * disk, which costs more than all the rest: 30 changes at once take little longer than one. Whoever finds the database
 * locked waits in JavaScript, some milliseconds at a time, while the event loop serves others; after `busyTimeoutMs`
 * the call rejects with SQLITE_BUSY.
 */
export function sqliteRunner(connector: SqliteConnector, busyTimeoutMs: number, clock: () => number): SqliteRunner {
  let queue: Pending[] = [];
  let working: Promise<void> | undefined;
  let closed = false;
  // Of changes that wait while the disk or another process keeps them waiting.
  const limit = createCallLimit();

  function connection(): SqliteConnection {
    if (closed && working === undefined) throw new SqliteStoreError('store_closed', 'The store is closed.');
    return connector.connection();
  }

  /** What callers see of a failure; a connection that may be the reason for it is given up. */
  function failure(error: unknown): unknown {
    const code = codeOf(error);
    if (code === 'SQLITE_FULL') return new StoreFullError('The database, or its disk, is full.', { cause: error });
    if (error instanceof SqliteStoreError || error instanceof StoreFullError || isBusy(error)) return error;
    connector.renew();
    return code.startsWith('SQLITE_') ? error : new SqliteStoreError('SQLITE_ERROR', 'The database failed.', error);
  }

  async function attempt<Answer>(
    run: (connection: SqliteConnection) => Answer,
    until = performance.now() + busyTimeoutMs,
  ): Promise<Answer> {
    for (;;) {
      try {
        return run(connection());
      } catch (error) {
        if (!isBusy(error) || performance.now() >= until) throw failure(error);
      }
      await pause();
    }
  }

  async function commit(batch: readonly Pending[]): Promise<void> {
    try {
      const settle = await attempt((open) => transact(open, batch, clock), batch[0]?.until);
      for (const one of settle) one();
    } catch (error) {
      // One change may have failed the others, by its size for example: each gets its own chance.
      if (batch.length > 1 && !isBusy(error)) for (const one of batch) await commit([one]);
      else for (const { reject } of batch) reject(error);
    }
  }

  async function work(): Promise<void> {
    while (queue.length > 0) {
      // Requests that arrived while the disk was written to get their turn first, and share the next commit.
      await new Promise(setImmediate);
      const batch = queue.slice(0, BATCH);
      queue = queue.slice(BATCH);
      await commit(batch);
    }
    working = undefined;
  }

  function enqueue<Answer>(change: SqliteChange<Answer>): Promise<Answer> {
    return new Promise<Answer>((resolve, reject) => {
      const until = performance.now() + busyTimeoutMs;
      queue.push({ change, until, resolve: resolve as (answer: unknown) => void, reject });
      working ??= work();
    });
  }

  return {
    async write(change, bytes = 0) {
      if (closed) throw new SqliteStoreError('store_closed', 'The store is closed.');
      return limit.run(bytes, () => enqueue(change), overloaded);
    },
    attempt: (run) => attempt(run),
    async close() {
      closed = true;
      await working;
    },
  };
}

function overloaded(): SqliteStoreError {
  return new SqliteStoreError('SQLITE_BUSY', 'Too many changes wait.');
}

/** Runs a batch in one transaction. Returns what to do once it is committed; throws if it was not. */
function transact(connection: SqliteConnection, batch: readonly Pending[], clock: () => number): (() => void)[] {
  const { database } = connection;
  // By `exec`, which leaves nothing behind: a prepared BEGIN that met a lock would, in libsql, pin what reads see.
  database.exec('BEGIN IMMEDIATE');
  try {
    // With the lock in hand: time spent waiting for it counts.
    const now = clock();
    const settle = batch.map(({ change, resolve, reject }) => {
      try {
        const answer = change(connection, now);
        return () => resolve(answer);
      } catch (error) {
        if (error instanceof RangeError || error instanceof StoreFullError) return () => reject(error);
        throw error;
      }
    });
    database.exec('COMMIT');
    return settle;
  } catch (error) {
    // Some failures have ended the transaction already.
    if (database.inTransaction) rollBack(connection);
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

/** 1 to 9 ms, at random, so that processes do not ask in step. */
function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1 + 8 * Math.random()));
}
