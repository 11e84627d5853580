/** A call that was given up. What became of it is unknown. */
export class CallTimeout extends Error {
  override readonly name = 'CallTimeout';
  readonly code = 'store_timeout';
  constructor() {
    super('The store did not answer in time.');
  }
}

/**
 * Runs a call; if it has not settled after `ms`, calls `late` and rejects with what that returns, by default a
 * {@link CallTimeout}. A call that throws instead of rejecting, or answers with no promise, has failed all the same.
 * The timer does not keep the process alive.
 */
export function withDeadline<Answer>(
  ms: number,
  run: () => Promise<Answer>,
  late: () => Error = () => new CallTimeout(),
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    // One plain timer: AbortSignal.timeout per call costs more than the rest of the request.
    const timer = setTimeout(() => reject(late()), ms);
    timer.unref();
    const fail = (cause: unknown): void => {
      clearTimeout(timer);
      reject(cause);
    };
    const settle = (answer: Answer): void => {
      clearTimeout(timer);
      resolve(answer);
    };
    try {
      run().then(settle, fail);
    } catch (cause) {
      fail(cause);
    }
  });
}
