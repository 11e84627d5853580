import { describeCause, type Events } from '../events.js';

const REPORT_INTERVAL_MS = 60_000;

/**
 * Emits `store.full` for the first refused write, and then once per minute while writes are refused: clients must not
 * be able to cause an event per request.
 */
export function createFullStoreReporter(events: Events): (error: Error) => void {
  let reportedAt = Number.NEGATIVE_INFINITY;
  let refused = 0;
  return (error) => {
    refused += 1;
    const now = performance.now();
    if (now - reportedAt < REPORT_INTERVAL_MS) return;
    events.emit('store.full', { refused, cause: describeCause(error.cause ?? error) });
    reportedAt = now;
    refused = 0;
  };
}
