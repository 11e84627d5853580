import { describeCause, type Events } from '../events.js';

/** Milliseconds from one `store.full` event to the next, at least. */
const REPORT_EVERY_MS = 60_000;

/**
 * Reports that a store refuses writes for want of room: at once, and then once a minute for as long as it goes on, not
 * once for each request that strangers send.
 */
export function createFullStoreReporter(events: Events): (cause: Error) => void {
  let reportedAt = Number.NEGATIVE_INFINITY;
  let refused = 0;
  return (cause) => {
    refused += 1;
    const now = performance.now();
    if (now - reportedAt < REPORT_EVERY_MS) return;
    events.emit('store.full', { refused, cause: describeCause(cause.cause ?? cause) });
    reportedAt = now;
    refused = 0;
  };
}
