import { createCallLimit } from '../../../src/relay/store/call-limit.js';
import { StoreFullError } from '../../../src/relay/store/contract.js';
import { delay } from '../../../src/relay/time.js';
import { PostgresFailure } from './errors.js';
import type { Liveness } from './liveness.js';
import { type PostgresStatement, runQuery } from './run-query.js';
import { migrate, type PostgresTable } from './schema.js';

/** Time in which a statement runs again that the server undid because of a concurrent statement, in ms. */
const RETRY_MS = 1_000;

/** serialization_failure, deadlock_detected: the server has undone the statement. */
const UNDONE_CODES = ['40001', '40P01'];

const DISK_FULL_CODE = '53100';

const UNDEFINED_TABLE_CODE = '42P01';

/** Runs the statements of a store. The first statement creates the table. */
export class StatementRunner {
  readonly #liveness: Liveness;
  readonly #table: PostgresTable;
  readonly #limit = createCallLimit();
  #migrated: Promise<void> | undefined;
  #closed = false;

  constructor(liveness: Liveness, table: PostgresTable) {
    this.#liveness = liveness;
    this.#table = table;
  }

  /** Runs a statement and returns the first row. */
  async run<Row>(statement: PostgresStatement, values: unknown[]): Promise<Row> {
    await this.ensureTable();
    const [row] = await this.#retryUndone<Row>({ ...statement, values });
    return row as Row;
  }

  /** Creates or migrates the table once. After a failure the next call tries again. */
  ensureTable(): Promise<void> {
    this.#migrated ??= migrate(this.#table, (query) => this.#retryUndone(query)).catch((error: unknown) => {
      this.#migrated = undefined;
      throw error;
    });
    return this.#migrated;
  }

  /** Later statements reject. */
  close(): void {
    this.#closed = true;
  }

  async #retryUndone<Row>(query: PostgresStatement): Promise<readonly Row[]> {
    const retryUntil = performance.now() + RETRY_MS;
    for (;;) {
      if (this.#closed) throw new PostgresFailure('POSTGRES_CLOSED');
      try {
        return await runQuery<Row>(this.#liveness, query, this.#limit);
      } catch (error) {
        const code = error instanceof PostgresFailure ? error.code : '';
        if (code === DISK_FULL_CODE) {
          throw new StoreFullError('The disk of the Postgres server is full.', { cause: error });
        }
        // The table was dropped, or the server was replaced by another.
        if (code === UNDEFINED_TABLE_CODE) this.#migrated = undefined;
        if (!UNDONE_CODES.includes(code) || performance.now() > retryUntil) throw error;
        await delay(Math.random() * 20);
      }
    }
  }
}
