import type { CallLimit } from '../../../src/relay/store/call-limit.js';
import { CALL_TIMEOUT_MS } from './connections.js';
import type { PostgresClient, PostgresQuery } from './driver.js';
import { PostgresFailure, toPostgresFailure } from './errors.js';
import { discard, type Liveness, SILENCE_MS } from './liveness.js';

/** A statement with its values. */
export interface PostgresStatement extends PostgresQuery {
  /** True for a statement that may run twice: the store repeats it once if its connection seems dead. */
  readonly isRepeatable?: boolean;
}

/**
 * Runs a statement on a connection of the pool and returns the rows. Rejects with a {@link PostgresFailure}, after
 * {@link CALL_TIMEOUT_MS} at the latest. The pool discards a connection on which a statement failed, as the server may
 * hang, or may have become a read-only standby. The call counts towards `limit` until the pool has returned or refused
 * a connection; a pool of the host may do neither.
 */
export function runQuery<Row>(
  liveness: Liveness,
  statement: PostgresStatement,
  limit: CallLimit,
): Promise<readonly Row[]> {
  return new Promise((resolve, reject) => {
    new Call<Row>(liveness, statement, resolve, reject).start(limit);
  });
}

class Call<Row> {
  readonly #liveness: Liveness;
  readonly #query: PostgresQuery;
  readonly #resolve: (rows: readonly Row[]) => void;
  readonly #reject: (failure: PostgresFailure) => void;
  readonly #startedAt = performance.now();
  #timer: NodeJS.Timeout;
  #mayRepeat: boolean;
  #client: PostgresClient | undefined;
  #sentAt = 0;
  #isReported = false;
  #isSettled = false;

  constructor(
    liveness: Liveness,
    query: PostgresStatement,
    resolve: (rows: readonly Row[]) => void,
    reject: (failure: PostgresFailure) => void,
  ) {
    this.#liveness = liveness;
    this.#query = query;
    this.#mayRepeat = query.isRepeatable === true;
    this.#resolve = resolve;
    this.#reject = reject;
    // One timer for the silence and for the deadline.
    this.#timer = setTimeout(() => this.#checkTime(), SILENCE_MS);
  }

  start(limit: CallLimit): void {
    const createError = (): Error => new PostgresFailure('POSTGRES_OVERLOADED');
    limit.run(countCharacters(this.#query), () => this.#run(), createError).catch(this.#fail);
  }

  async #run(): Promise<void> {
    const client = await this.#liveness.acquire();
    if (this.#isSettled) {
      client.release(); // The call has timed out, so the statement must not run any more.
      return;
    }
    this.#client = client;
    this.#sentAt = performance.now();
    client.on('error', this.#fail);
    try {
      const result = await client.query(this.#query);
      if (client !== this.#client) return; // The statement runs again elsewhere.
      this.#liveness.noteAnswer(client);
      this.#settle(undefined, (result as { readonly rows?: readonly Row[] }).rows);
    } catch (error) {
      if (client === this.#client) throw error;
    }
  }

  readonly #fail = (error?: unknown): void => {
    this.#settle(toPostgresFailure(error ?? new PostgresFailure('POSTGRES_CONNECTION_LOST')));
  };

  #settle(failure: PostgresFailure | undefined, rows: readonly Row[] = []): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    clearTimeout(this.#timer);
    const client = this.#client;
    client?.release(failure);
    client?.removeListener('error', this.#fail);
    if (failure === undefined) this.#resolve(rows);
    else this.#reject(failure);
  }

  /** Timers may be early by a millisecond. */
  #checkTime(): void {
    const now = performance.now();
    const remaining = this.#startedAt + CALL_TIMEOUT_MS - now;
    if (remaining < 2) {
      this.#fail(new PostgresFailure('POSTGRES_TIMEOUT'));
      return;
    }
    const client = this.#client;
    const silence = client === undefined ? 0 : now - this.#sentAt;
    if (client !== undefined && !this.#isReported && silence > SILENCE_MS - 2) {
      this.#isReported = true;
      void this.#liveness.reportSilence(client, this.#sentAt).then((isDead) => {
        if (isDead && this.#mayRepeat && !this.#isSettled && client === this.#client) this.#repeat(client);
      });
    }
    if (client === undefined) void this.#liveness.reportWait();
    const wait = this.#isReported ? remaining : SILENCE_MS - silence;
    this.#timer = setTimeout(() => this.#checkTime(), Math.min(wait, remaining));
  }

  #repeat(client: PostgresClient): void {
    this.#mayRepeat = false;
    this.#client = undefined;
    client.removeListener('error', this.#fail);
    discard(client);
    this.#run().catch(this.#fail);
  }
}

/** Counts the characters of the values, which are about their bytes. */
function countCharacters({ values = [] }: PostgresQuery): number {
  let characters = 0;
  for (const value of values) if (typeof value === 'string') characters += value.length;
  return characters;
}
