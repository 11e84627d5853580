/** Options of {@link delay}. */
export interface DelayOptions {
  /** Ends the delay early when it aborts. The promise then resolves, too. */
  readonly signal?: AbortSignal;
  /** True if the timer does not keep the process alive. Default false. */
  readonly unref?: boolean;
}

/** Resolves after `ms`, or when `signal` aborts. Never rejects. */
export function delay(ms: number, { signal, unref = false }: DelayOptions = {}): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    if (unref) timer.unref();
    if (signal?.aborted) end();
    else signal?.addEventListener('abort', end);
  });
}

/** The error of a call that did not settle in time, as `AbortSignal.timeout` has it: its name is `TimeoutError`. */
export function createTimeoutError(): DOMException {
  return new DOMException('The call did not settle in time.', 'TimeoutError');
}

/**
 * Runs a call that must settle within `ms`; else rejects with the error that `createError` returns. The call continues,
 * and its result is ignored. A call that throws instead of rejecting, or returns no promise, has failed as well. The
 * timer does not keep the process alive.
 */
export function withTimeout<Result>(
  ms: number,
  run: () => Promise<Result>,
  createError: () => Error = createTimeoutError,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    // One plain timer: an AbortSignal.timeout for each call of the store costs more than the rest of the request.
    const timer = setTimeout(() => reject(createError()), ms);
    timer.unref();
    const fail = (cause: unknown): void => {
      clearTimeout(timer);
      reject(cause);
    };
    const succeed = (result: Result): void => {
      clearTimeout(timer);
      resolve(result);
    };
    try {
      run().then(succeed, fail);
    } catch (cause) {
      fail(cause);
    }
  });
}

/**
 * Like {@link withTimeout}, for a call that takes an AbortSignal: the signal aborts when the time is over. The promise
 * rejects at the same moment, also if the call ignores its signal.
 */
export function withAbortableTimeout<Result>(
  ms: number,
  run: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const controller = new AbortController();
  return withTimeout(
    ms,
    () => run(controller.signal),
    () => {
      const error = createTimeoutError();
      controller.abort(error);
      return error;
    },
  );
}

/** Resolves when `promise` has settled, after `ms` at the latest. Never rejects. Keeps the process alive until then. */
export function waitAtMost(ms: number, promise: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(end, ms);
    promise.then(end, end);
  });
}
