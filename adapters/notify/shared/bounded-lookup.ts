import type { LookupFunction } from 'node:net';

/** The code of the error of {@link createBoundedLookup}. */
export const LOOKUPS_BUSY = 'lookups_busy';

/** Names that are looked up at once: the system's resolver has two threads for all of the process. */
const MAXIMUM_NAMES = 16;

/** Connections that wait for a name at once, those included whose push was given up. */
const MAXIMUM_WAITING = 1_000;

type Callback = Parameters<LookupFunction>[2];

/**
 * Wraps a resolver so that it looks up 16 names at once at most, each once for all who ask for it meanwhile. Fails at
 * once with {@link LOOKUPS_BUSY} while it is busy. A name counts until the resolver has answered.
 */
export function createBoundedLookup(lookup: LookupFunction): LookupFunction {
  const underWay = new Map<string, Callback[]>();
  let waiting = 0;

  return (hostname, options, callback) => {
    const key = JSON.stringify([hostname, options.family, options.hints, options.all, options.order]);
    const callbacks = underWay.get(key);
    if (waiting >= MAXIMUM_WAITING || (callbacks === undefined && underWay.size >= MAXIMUM_NAMES)) {
      callback(Object.assign(new Error('Too many names are being looked up.'), { code: LOOKUPS_BUSY }), '', 0);
      return;
    }
    waiting += 1;
    if (callbacks !== undefined) {
      callbacks.push(callback);
      return;
    }
    const asking = [callback];
    underWay.set(key, asking);
    const settle: Callback = (...found) => {
      if (underWay.get(key) !== asking) return; // A resolver that answers twice.
      underWay.delete(key);
      waiting -= asking.length;
      for (const answer of asking) answer(...found);
    };
    try {
      lookup(hostname, options, settle);
    } catch (error) {
      settle(error instanceof Error ? error : new Error('The resolver failed.'), '', 0);
    }
  };
}
