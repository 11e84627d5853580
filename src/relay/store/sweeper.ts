import type { Events } from '../events.js';
import type { MailboxStore } from './contract.js';
import { describeFailure } from './describe-failure.js';
import { withStoreTimeout } from './store-timeout.js';

export interface Sweeper {
  /** Stops the sweeper. Resolves when a running sweep has ended. */
  stop(): Promise<void>;
}

/** Entries per call of the store. Other work gets a turn of the event loop between two calls. */
const BATCH = 1000;

/** Timeout of one call, so that a call that hangs does not stop the sweeper forever. */
const BATCH_TIMEOUT_MS = 10_000;

/**
 * Erases expired entries every `intervalMs` (the drafts: the relay SHALL periodically check and delete). The interval
 * varies by a tenth, so that many processes do not sweep at the same time. The store keeps concurrent sweeps apart: the
 * Postgres store by an advisory lock, the SQLite store by its transactions. The timer does not keep the process alive.
 */
export function startSweeper(store: MailboxStore, intervalMs: number, events: Events): Sweeper {
  let isStopped = store.sweep === undefined;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();

  async function sweep(): Promise<void> {
    const startedAt = performance.now();
    try {
      let erased = 0;
      let batch: number;
      do {
        batch = await withStoreTimeout(BATCH_TIMEOUT_MS, async () => (await store.sweep?.(BATCH)) ?? 0);
        erased += batch;
        await new Promise((resolve) => setImmediate(resolve));
      } while (batch === BATCH && !isStopped);
      if (erased > 0) events.emit('sweep.completed', { erased, ms: performance.now() - startedAt });
    } catch (error) {
      events.emit('store.failed', { call: 'sweep', ...describeFailure(error), ms: performance.now() - startedAt });
    }
  }

  function schedule(): void {
    if (isStopped) return;
    const delayMs = intervalMs * (0.9 + 0.2 * Math.random());
    timer = setTimeout(() => {
      running = sweep().then(schedule);
    }, delayMs);
    timer.unref();
  }

  schedule();
  return {
    stop() {
      isStopped = true;
      clearTimeout(timer);
      return running;
    },
  };
}
