import { describeCause, type Events } from '../events.js';
import type { MailboxStore } from './contract.js';
import { withStoreTimeout } from './store-timeout.js';

/** A running sweeper. */
export interface Sweeper {
  /** Stops it; resolves when a sweep under way has ended. */
  stop(): Promise<void>;
}

/** Entries erased in one call of the store; other work gets its turn in between. */
const BATCH = 1000;
/** Longest that one call may take, in ms. A sweep that hangs must not be the last one. */
const BATCH_TIMEOUT_MS = 10_000;

/**
 * Erases what has expired, every `intervalMs` give or take a tenth, so that many processes do not sweep in step (the
 * drafts: the relay SHALL periodically check and delete). Its timer does not keep the process alive.
 */
export function startSweeper(store: MailboxStore, intervalMs: number, events: Events): Sweeper {
  let stopped = store.sweep === undefined;
  let timer: NodeJS.Timeout | undefined;
  let underWay: Promise<void> = Promise.resolve();

  async function sweep(): Promise<void> {
    const started = performance.now();
    try {
      let erased = 0;
      let batch: number;
      do {
        batch = await withStoreTimeout(BATCH_TIMEOUT_MS, async () => (await store.sweep?.(BATCH)) ?? 0);
        erased += batch;
        await new Promise((resolve) => setImmediate(resolve));
      } while (batch === BATCH && !stopped);
      if (erased > 0) events.emit('sweep.completed', { erased, ms: performance.now() - started });
    } catch (error) {
      events.emit('store.failed', { call: 'sweep', cause: describeCause(error), ms: performance.now() - started });
    }
  }

  function schedule(): void {
    if (stopped) return;
    const pause = intervalMs * (0.9 + 0.2 * Math.random());
    timer = setTimeout(() => {
      underWay = sweep().then(schedule);
    }, pause);
    timer.unref();
  }

  schedule();
  return {
    stop() {
      stopped = true;
      clearTimeout(timer);
      return underWay;
    },
  };
}
