/** Looks at mailboxes in the store for those who wait. */
export interface RevisionPoller {
  /** Looks at the mailbox under `key`, soon: what was stored at the time of this call, or later, is found. */
  at(key: string): void;
  /** Nobody waits for it any more. */
  forget(key: string): void;
}

/** Mailboxes looked at at the same time: thousands may wait, and the store has requests to serve as well. */
const AT_ONCE = 64;

/**
 * Makes the looks of one process: no mailbox is looked at twice at the same time, however often that is asked for.
 * `revisionOf` resolves to the revision that is stored, `undefined` if there is none, and `found` is told of it; if it
 * rejects, nothing is known, and nobody told.
 */
export function createRevisionPoller(
  revisionOf: (key: string) => Promise<string | undefined>,
  found: (key: string, revision: string | undefined) => void,
): RevisionPoller {
  const wanted = new Set<string>();
  const underWay = new Set<string>();
  let isStarting = false;

  /** Not at once: a store that answers at once would else be asked for all of them in one turn of the event loop. */
  function startSoon(): void {
    if (isStarting) return;
    isStarting = true;
    setImmediate(start);
  }

  function start(): void {
    isStarting = false;
    for (const key of wanted) {
      if (underWay.size >= AT_ONCE) return;
      if (underWay.has(key)) continue;
      wanted.delete(key);
      underWay.add(key);
      void look(key);
    }
  }

  async function look(key: string): Promise<void> {
    try {
      found(key, await revisionOf(key));
    } catch {
      // The store reports its own failures; the next look may find it well.
    } finally {
      underWay.delete(key);
      if (wanted.size > 0) startSoon();
    }
  }

  return {
    at(key) {
      wanted.add(key);
      startSoon();
    },
    forget: (key) => void wanted.delete(key),
  };
}
