import type { LookupFunction } from 'node:net';

/** The error code of {@link createBoundedLookup}. */
export const LOOKUPS_BUSY = 'lookups_busy';

/** Concurrent lookups of names. The system's resolver shares a few threads with the rest of the process. */
const MAXIMUM_NAMES = 16;

/** Connections that wait for a lookup, including those of cancelled pushes. */
const MAXIMUM_WAITING = 1_000;

type Callback = Parameters<LookupFunction>[2];

/**
 * Limits a resolver to 16 names at once. Concurrent lookups of one name share one call. Over the limit, a lookup fails
 * at once with {@link LOOKUPS_BUSY}. A name counts until the resolver calls back.
 */
export function createBoundedLookup(lookup: LookupFunction): LookupFunction {
  const underWay = new Map<string, Callback[]>();
  let waiting = 0;

  return (hostname, options, callback) => {
    const key = JSON.stringify([hostname, options.family, options.hints, options.all, options.order]);
    const callbacks = underWay.get(key);
    if (waiting >= MAXIMUM_WAITING || (callbacks === undefined && underWay.size >= MAXIMUM_NAMES)) {
      callback(Object.assign(new Error('Too many lookups are under way.'), { code: LOOKUPS_BUSY }), '', 0);
      return;
    }
    waiting += 1;
    if (callbacks !== undefined) {
      callbacks.push(callback);
      return;
    }
    const pending = [callback];
    underWay.set(key, pending);
    const settle: Callback = (...found) => {
      if (underWay.get(key) !== pending) return; // The resolver called back twice.
      underWay.delete(key);
      waiting -= pending.length;
      for (const waiter of pending) waiter(...found);
    };
    try {
      lookup(hostname, options, settle);
    } catch (error) {
      settle(error instanceof Error ? error : new Error('The resolver failed.'), '', 0);
    }
  };
}
