/** The longest time that a timer accepts, in ms; a longer time ends at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Milliseconds of a clock that never goes back. */
export const monotonicNow = (): number => (typeof performance === 'object' ? performance : Date).now();

/** Throws the reason of an aborted signal. */
export function throwIfAborted(signal: AbortSignal | undefined): undefined {
  // React Native has no signal.throwIfAborted(), no AbortSignal.any and no AbortSignal.timeout.
  if (signal?.aborted === true) throw signal.reason ?? Object.assign(new Error('Aborted.'), { name: 'AbortError' });
}

/** Settles as `work` does, or throws the reason of the signal if the signal is aborted first. `work` continues. */
export async function abortable<Value>(work: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (signal === undefined) return work;
  work.catch(() => {});
  let stop = (): void => {};
  const aborted = new Promise<void>((resolve) => {
    stop = resolve;
  });
  signal.addEventListener('abort', stop);
  try {
    throwIfAborted(signal);
    return (await Promise.race([work, aborted.then(() => throwIfAborted(signal))])) as Value;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Waits; throws the reason of the signal if the signal is aborted first. */
export async function delay(ms: number, signal: AbortSignal | undefined): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const elapsed = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, Math.min(ms, LONGEST_TIMER_MS));
  });
  try {
    await abortable(elapsed, signal);
  } finally {
    clearTimeout(timer);
  }
}
