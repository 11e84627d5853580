import type { ChangeBus, ChangeListener } from '../../../src/relay/long-poll/contract.js';

const listenersByMap = new WeakMap<Map<unknown, unknown>, Set<ChangeListener>>();

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
