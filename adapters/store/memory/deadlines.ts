/** Indexes keys by the second of their deadline, so that a sweep visits only expired entries. */
export class DeadlineIndex {
  readonly #keysBySecond = new Map<number, Set<string>>();

  add(key: string, expiresAt: number): void {
    const second = toSecond(expiresAt);
    const keys = this.#keysBySecond.get(second);
    if (keys === undefined) this.#keysBySecond.set(second, new Set([key]));
    else keys.add(key);
  }

  remove(key: string, expiresAt: number): void {
    const second = toSecond(expiresAt);
    const keys = this.#keysBySecond.get(second);
    if (keys?.delete(key) && keys.size === 0) this.#keysBySecond.delete(second);
  }

  /**
   * Removes expired keys and passes each to `erase`, until `erase` has returned true `limit` times. Returns that count.
   */
  takeExpired(now: number, limit: number, erase: (key: string) => boolean): number {
    let taken = 0;
    for (const [second, keys] of this.#keysBySecond) {
      if (second * 1000 > now) continue;
      for (const key of keys) {
        if (taken === limit) return taken;
        this.remove(key, second * 1000);
        if (erase(key)) taken += 1;
      }
    }
    return taken;
  }
}

function toSecond(expiresAt: number): number {
  return Math.ceil(expiresAt / 1000);
}
