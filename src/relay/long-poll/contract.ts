/**
 * Carries change notifications between the processes of one store, so that a long poll at one process learns of a write
 * at another process. Notifications may be lost, duplicated or late: the relay reads the mailbox again before it
 * answers, and polls from time to time. A failure to publish must not fail or delay the write.
 */
export interface ChangeBus {
  /**
   * Publishes a change of an entry, soon. Absent if the store's own `replace` publishes. Must not throw.
   *
   * @param key - The key of the entry in the store.
   */
  publish?(key: string): void;
  /**
   * Subscribes to the changes of all entries, over one connection. The bus connects in the background, and reconnects
   * when the connection is lost. Must not throw.
   *
   * @returns A function that ends the subscription. Its promise resolves when the listener gets no more calls.
   */
  subscribe(listener: ChangeListener): () => Promise<void>;
}

/** Receives change notifications. */
export interface ChangeListener {
  /** The entry under `key` was changed, by this process or another one. */
  changed(key: string): void;
  /** Notifications may have been lost, because the bus had no connection. Also called when the subscription starts. */
  resync(): void;
}
