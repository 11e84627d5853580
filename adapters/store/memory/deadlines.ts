/** Keys by the second in which they expire, so that a sweep costs what the expired entries cost. */
export interface DeadlineIndex {
  add(key: string, expiresAt: number): void;
  remove(key: string, expiresAt: number): void;
  /** Forgets keys whose deadline has come and has them erased, up to `limit` of them; how many were. */
  take(now: number, limit: number, erase: (key: string) => boolean): number;
}

/** Makes an index. */
export function createDeadlineIndex(): DeadlineIndex {
  const bySecond = new Map<number, Set<string>>();
  const secondOf = (expiresAt: number): number => Math.ceil(expiresAt / 1000);

  function remove(key: string, expiresAt: number): void {
    const second = secondOf(expiresAt);
    const keys = bySecond.get(second);
    if (keys?.delete(key) && keys.size === 0) bySecond.delete(second);
  }

  return {
    add(key, expiresAt) {
      const second = secondOf(expiresAt);
      const keys = bySecond.get(second);
      if (keys === undefined) bySecond.set(second, new Set([key]));
      else keys.add(key);
    },
    remove,
    take(now, limit, erase) {
      let taken = 0;
      for (const [second, keys] of bySecond) {
        if (second * 1000 > now) continue;
        for (const key of keys) {
          if (taken === limit) return taken;
          remove(key, second * 1000);
          if (erase(key)) taken += 1;
        }
      }
      return taken;
    },
  };
}
