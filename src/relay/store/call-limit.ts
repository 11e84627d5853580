/** Limits the calls in flight to a backend that may stop answering. */
export interface CallLimit {
  /**
   * Runs a call that carries `bytes`. Rejects at once with the error of `createError` if too many calls are in flight.
   * A call counts until it has settled, even if its caller has stopped waiting.
   */
  run<Answer>(bytes: number, call: () => Promise<Answer>, createError: () => Error): Promise<Answer>;
}

/** Calls in flight. A healthy backend has some hundreds. */
const MAXIMUM_CALLS = 10_000;

/** Bytes of all calls in flight. They stay in memory while the backend does not answer. */
const MAXIMUM_BYTES = 64 * 1024 * 1024;

export function createCallLimit(maximumCalls = MAXIMUM_CALLS, maximumBytes = MAXIMUM_BYTES): CallLimit {
  let calls = 0;
  let bytesInFlight = 0;
  return {
    async run(bytes, call, createError) {
      // A single call may have any size.
      if (calls >= maximumCalls || (calls > 0 && bytesInFlight + bytes > maximumBytes)) throw createError();
      calls += 1;
      bytesInFlight += bytes;
      try {
        return await call();
      } finally {
        calls -= 1;
        bytesInFlight -= bytes;
      }
    },
  };
}
