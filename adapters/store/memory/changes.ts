import type { ChangeBus, ChangeListener } from '../../../src/relay/long-poll/contract.js';
import { getSharedWeakMap } from '../../../src/relay/shared-state.js';

const listenersByMap = getSharedWeakMap<Map<unknown, unknown>, Set<ChangeListener>>('memory-listeners');

/** Returns the change bus for the relays of this process that share a Map. */
export function getChangeBus(map: Map<unknown, unknown>): ChangeBus {
  const listeners = listenersByMap.get(map) ?? new Set();
  listenersByMap.set(map, listeners);
  return {
    publish(key) {
      for (const listener of listeners) listener.changed(key);
    },
    subscribe(listener) {
      listeners.add(listener);
      return async () => void listeners.delete(listener);
    },
  };
}
