/** A hook that did not settle in time. */
export class HookTimeout extends Error {
  override readonly name = 'HookTimeout';
  readonly code = 'hook_timeout';
  constructor() {
    super('A hook did not answer in time.');
  }
}

/** The client left before the hook had settled. */
export class ClientDisconnected extends Error {
  override readonly name = 'ClientDisconnected';
  constructor() {
    super('The client left.');
  }
}

/** What a call to a hook needs to know of the request. */
export interface Departure {
  /** Calls back if the client leaves; the function returned ends that. */
  whenGone(callback: () => void): () => void;
}

/**
 * Calls a hook. Rejects with {@link HookTimeout} after `ms`, and with {@link ClientDisconnected} as soon as the client has
 * left, so that nothing is done for a request that nobody waits for. In both cases the signal is aborted, and whatever
 * the hook does later is nobody's concern.
 */
export function callHook<Answer>(
  ms: number,
  departure: Departure,
  hook: (signal: AbortSignal) => Answer | Promise<Answer>,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const controller = new AbortController();
    let stopWatching: (() => void) | undefined;
    const finish = (): void => {
      clearTimeout(timer);
      stopWatching?.();
    };
    const giveUp = (reason: Error): void => {
      finish();
      reject(reason);
      controller.abort(reason);
    };
    const timer = setTimeout(() => giveUp(new HookTimeout()), ms);
    timer.unref();
    stopWatching = departure.whenGone(() => giveUp(new ClientDisconnected()));
    if (controller.signal.aborted) return; // The client had left already.
    // Inside a promise, so that what a hook throws at once is treated as what it rejects with.
    new Promise<Answer>((settle) => settle(hook(controller.signal))).finally(finish).then(resolve, reject);
  });
}
