/**
 * Returns a WeakMap that all copies of this package in a process share. A process can load the ES modules, their
 * CommonJS copy and bundled copies side by side, and these may work on the same Map, request or connection.
 */
export function getSharedWeakMap<Key extends WeakKey, Value>(name: string): WeakMap<Key, Value> {
  const registry = globalThis as unknown as Record<symbol, WeakMap<Key, Value> | undefined>;
  const symbol = Symbol.for(`credential-relay.${name}`);
  let map = registry[symbol];
  if (map === undefined) {
    map = new WeakMap();
    // Not enumerable, since Jest and other tools compare or copy the globals.
    Object.defineProperty(globalThis, symbol, { value: map });
  }
  return map;
}
