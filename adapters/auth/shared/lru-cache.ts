/** A cache that drops the least recently used entry when it is full. */
export interface LruCache<Value> {
  get(key: string): Value | undefined;
  set(key: string, value: Value): void;
  delete(key: string): void;
  /** Deletes entries in the order of their last use, until `isExpired` returns false. */
  deleteWhile(isExpired: (value: Value) => boolean): void;
}

export function lruCache<Value extends {}>(maximumEntries: number): LruCache<Value> {
  // A Map keeps the order of insertion. Each use inserts the entry again.
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
      const [oldest] = entries.size > maximumEntries ? entries.keys() : [];
      if (oldest !== undefined) entries.delete(oldest);
    },
    delete(key) {
      entries.delete(key);
    },
    deleteWhile(isExpired) {
      for (const [key, value] of entries) {
        if (!isExpired(value)) return;
        entries.delete(key);
      }
    },
  };
}
