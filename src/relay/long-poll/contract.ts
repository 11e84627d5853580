/**
 * Carries word of changed mailboxes between the processes of one store, so that a long poll at one of them learns at
 * once of a write at another. Word may be lost, doubled or late: whoever waits reads again before it answers, and
 * looks now and then without having heard anything. Publishing can neither fail nor delay the write that was made.
 */
export interface ChangeBus {
  /**
   * Tells of a change of the entry under `key`, as soon as is convenient. Absent where the store's own `replace` tells.
   * Never throws.
   */
  publish?(key: string): void;
  /**
   * Listens, over one connection however many keys there are, from now until the function returned has resolved.
   * Connects by itself, and again when the connection is lost. Never throws.
   */
  subscribe(listener: ChangeListener): () => Promise<void>;
}

/** Hears of changes. */
export interface ChangeListener {
  /** The entry under `key` was changed, by whichever process. */
  changed(key: string): void;
  /** Words may have been lost: the connection was lost, and is there again. Also called once listening has begun. */
  resync(): void;
}
