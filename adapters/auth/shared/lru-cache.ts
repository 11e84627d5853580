/** So many entries, the one that was not used for longest forgotten for a new one. */
export interface LruCache<Value> {
  get(key: string): Value | undefined;
  set(key: string, value: Value): void;
  delete(key: string): void;
  /** Forgets from those not used for longest on, as long as `isOver` says so. */
  deleteWhile(isOver: (value: Value) => boolean): void;
}

/** Makes an empty memory of `most` entries. */
export function lruCache<Value extends {}>(most: number): LruCache<Value> {
  // A Map keeps the order of insertion; what is used is inserted anew.
  const entries = new Map<string, Value>();
  const insert = (key: string, value: Value): void => {
    entries.delete(key);
    entries.set(key, value);
  };
  return {
    get(key) {
      const value = entries.get(key);
      if (value !== undefined) insert(key, value);
      return value;
    },
    set(key, value) {
      insert(key, value);
      const [oldest] = entries.size > most ? entries.keys() : [];
      if (oldest !== undefined) entries.delete(oldest);
    },
    delete(key) {
      entries.delete(key);
    },
    deleteWhile(isOver) {
      for (const [key, value] of entries) {
        if (!isOver(value)) return;
        entries.delete(key);
      }
    },
  };
}
