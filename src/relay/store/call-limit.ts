/** Calls under way to a backend that may fall silent: how many there may be, and how much they may carry. */
export interface CallLimit {
  /**
   * Runs a call that carries `bytes`. Rejects at once with what `refusal` returns if too many are under way. A call
   * counts until it has settled, also if whoever asked has given it up.
   */
  run<Answer>(bytes: number, call: () => Promise<Answer>, refusal: () => Error): Promise<Answer>;
}

/** Calls under way at most: a healthy backend has some hundreds. */
const MOST_CALLS = 10_000;

/** Bytes that they carry at most: what waits for a silent backend is held in memory. */
const MOST_BYTES = 64 * 1024 * 1024;

/** Makes the limit of one store. */
export function createCallLimit(mostCalls = MOST_CALLS, mostBytes = MOST_BYTES): CallLimit {
  let calls = 0;
  let held = 0;
  return {
    async run(bytes, call, refusal) {
      // One alone is let through, however large.
      if (calls >= mostCalls || (calls > 0 && held + bytes > mostBytes)) throw refusal();
      calls += 1;
      held += bytes;
      try {
        return await call();
      } finally {
        calls -= 1;
        held -= bytes;
      }
    },
  };
}
