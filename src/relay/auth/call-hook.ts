/** The hook did not settle in time. */
export class HookTimeout extends Error {
  override readonly name = 'HookTimeout';
  readonly code = 'hook_timeout';
  constructor() {
    super('A hook did not answer in time.');
  }
}

/** The client disconnected before the hook settled. */
export class ClientDisconnected extends Error {
  override readonly name = 'ClientDisconnected';
  constructor() {
    super('The client disconnected.');
  }
}

/**
 * Calls a hook. Rejects with {@link HookTimeout} after `ms`, and with {@link ClientDisconnected} as soon as the client
 * disconnects. In both cases the signal of the hook is aborted, and a later result of the hook is ignored.
 */
export function callHook<Answer>(
  ms: number,
  clientSignal: AbortSignal,
  hook: (signal: AbortSignal) => Answer | Promise<Answer>,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    if (clientSignal.aborted) {
      reject(new ClientDisconnected());
      return;
    }
    const controller = new AbortController();
    const giveUp = (reason: Error): void => {
      finish();
      reject(reason);
      controller.abort(reason);
    };
    const onDisconnect = (): void => giveUp(new ClientDisconnected());
    const finish = (): void => {
      clearTimeout(timer);
      clientSignal.removeEventListener('abort', onDisconnect);
    };
    const timer = setTimeout(() => giveUp(new HookTimeout()), ms);
    timer.unref();
    clientSignal.addEventListener('abort', onDisconnect);
    // Inside a promise, so that an error that the hook throws at once becomes a rejection.
    new Promise<Answer>((settle) => settle(hook(controller.signal))).finally(finish).then(resolve, reject);
  });
}
