/** Reads at the same time: thousands of requests may wait, and the store has other requests to serve. */
const MAXIMUM_CONCURRENT_READS = 64;

/** How the poller reads a mailbox, and reports the result. */
export interface PollerCallbacks {
  /** Resolves to the stored revision, `undefined` if the mailbox is gone. A rejection is ignored. */
  readRevision(key: string): Promise<string | undefined>;
  onRevision(key: string, revision: string | undefined): void;
}

/** Reads the revisions of mailboxes with waiters. One mailbox has at most one read at a time. */
export class RevisionPoller {
  readonly #callbacks: PollerCallbacks;
  readonly #queued = new Set<string>();
  readonly #reading = new Set<string>();
  #isScheduled = false;

  constructor(callbacks: PollerCallbacks) {
    this.#callbacks = callbacks;
  }

  /** Reads the revision of a mailbox soon. The read starts after this call, so it finds all earlier writes. */
  poll(key: string): void {
    this.#queued.add(key);
    this.#schedule();
  }

  /** Cancels a read that has not started. */
  cancel(key: string): void {
    this.#queued.delete(key);
  }

  /** In a later turn: a store that answers synchronously would otherwise read all mailboxes in one turn. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#startReads();
    });
  }

  #startReads(): void {
    for (const key of this.#queued) {
      if (this.#reading.size >= MAXIMUM_CONCURRENT_READS) return;
      if (this.#reading.has(key)) continue;
      this.#queued.delete(key);
      this.#reading.add(key);
      void this.#read(key);
    }
  }

  async #read(key: string): Promise<void> {
    try {
      this.#callbacks.onRevision(key, await this.#callbacks.readRevision(key));
    } catch {
      // The store reports its own failures. The next poll tries again.
    } finally {
      this.#reading.delete(key);
      if (this.#queued.size > 0) this.#schedule();
    }
  }
}
