import type { SqliteConnection } from './connection.js';
import { isBusy, SqliteStoreError } from './errors.js';
import type { GroupCommitQueue } from './group-commit.js';
import { eraseExpired, MAXIMUM_ERASED } from './rows.js';

/** A larger file is not rewritten after a sweep: VACUUM blocks the event loop for about 20 ms per megabyte. */
const MAXIMUM_REWRITTEN_BYTES = 4 * 1024 * 1024;

/** Erases expired rows, and then the traces of erased rows in the file and in the write-ahead log. */
export class SqliteSweeper {
  readonly #queue: GroupCommitQueue;
  readonly #owned: boolean;
  #needsCleanUp: boolean;

  /** `owned` is false for a database of the host, which the sweeper does not rewrite. */
  constructor(queue: GroupCommitQueue, owned: boolean) {
    this.#queue = queue;
    this.#owned = owned;
    // An earlier process may have ended between erasing and cleaning up.
    this.#needsCleanUp = owned;
  }

  /** A change has erased rows: the next sweep cleans up. */
  requestCleanUp(): void {
    this.#needsCleanUp = true;
  }

  /** Erases up to `limit` expired rows and returns their number. */
  async sweep(limit: number): Promise<number> {
    let erased = 0;
    let batch: number;
    do {
      const rows = Math.min(MAXIMUM_ERASED, limit - erased);
      batch = await this.#queue.write((connection, now) => eraseExpired(connection, now, rows));
      erased += batch;
    } while (batch === MAXIMUM_ERASED && erased < limit);
    if (erased > 0) this.#needsCleanUp = true;
    // Only after the last batch. While readers use the log, the clean-up fails, and the next sweep tries again.
    if (this.#needsCleanUp && erased < limit) await this.#cleanUp().catch(rethrowUnlessBusy);
    return erased;
  }

  async #cleanUp(): Promise<void> {
    await this.#queue.run((connection) => {
      if (this.#owned && readFileSize(connection) <= MAXIMUM_REWRITTEN_BYTES) connection.database.exec('VACUUM');
    });
    await this.#queue.run(({ database }) => {
      const [row] = database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').all();
      if (Number(Reflect.get(Object(row), 'busy')) !== 0) {
        throw new SqliteStoreError(
          'SQLITE_BUSY',
          'Other processes read the log of the database; the next sweep empties it.',
        );
      }
    });
    this.#needsCleanUp = false;
  }
}

function readFileSize({ database }: SqliteConnection): number {
  const [row] = database
    .prepare('SELECT page_count * page_size AS bytes FROM pragma_page_count(), pragma_page_size()')
    .all();
  return Number(Reflect.get(Object(row), 'bytes'));
}

function rethrowUnlessBusy(error: unknown): void {
  if (!isBusy(error)) throw error;
}
