/**
 * Runs something that must settle within `ms`; else rejects with a `TimeoutError` and aborts the signal that it was
 * given. It is raced as well as told, so that a function that does not heed its signal holds nobody up. The timer does
 * not keep the process alive.
 */
export function settleWithin<Value>(ms: number, run: (signal: AbortSignal) => Promise<Value>): Promise<Value> {
  return new Promise((resolve, reject) => {
    const controller = new AbortController();
    const timer = setTimeout(() => {
      const reason = new DOMException('It did not settle in time.', 'TimeoutError');
      reject(reason);
      controller.abort(reason);
    }, ms);
    timer.unref();
    // Inside a promise, so that what it throws at once is treated as what it rejects with.
    new Promise<Value>((settle) => settle(run(controller.signal)))
      .finally(() => clearTimeout(timer))
      .then(resolve, reject);
  });
}
