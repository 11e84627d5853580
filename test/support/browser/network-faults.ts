import type { Page, Route } from 'playwright-core';

/** Faults between one page and the relay. */
export interface NetworkFaults {
  /** Ends all faults. */
  mend(): void;
  /** Aborts requests with these methods, or all requests, also the ones that wait. */
  cut(...methods: string[]): void;
  /** Forwards requests, and holds answers to these methods until `mend`. */
  hold(...methods: string[]): void;
  /**
   * Answers requests with these methods with 503, as a proxy. With `isCarriedOut`, after the relay has handled them.
   */
  refuse(methods: readonly string[], isCarriedOut?: boolean): void;
}

const UNAVAILABLE = { status: 503, headers: { 'Retry-After': '300' } };

/** Stays active after a reload of the page. */
export async function interceptNetwork(page: Page): Promise<NetworkFaults> {
  let isCut: (method: string) => boolean;
  let [held, refused, isCarriedOut]: [readonly string[], readonly string[], boolean] = [[], [], false];
  let change = (): void => {};
  let changed = Promise.resolve();
  function set(cut: typeof isCut, hold: readonly string[] = [], refuse: readonly string[] = []): void {
    [isCut, held, refused] = [cut, hold, refuse];
    change();
    changed = new Promise((resolve) => {
      change = resolve;
    });
  }
  const never = (): boolean => false;
  set(never);

  async function onRoute(route: Route): Promise<void> {
    const method = route.request().method();
    if (isCut(method)) return route.abort();
    if (refused.includes(method)) {
      if (isCarriedOut) await route.fetch();
      return route.fulfill(UNAVAILABLE);
    }
    const answer = route.fetch().catch(() => undefined);
    for (;;) {
      const response = await Promise.race([answer, changed.then(() => 'changed' as const)]);
      if (response === undefined || isCut(method)) return route.abort();
      if (response !== 'changed' && !held.includes(method)) return route.fulfill({ response });
      if (response !== 'changed') await changed;
    }
  }
  // The page may be closed by then.
  await page.route('**/relay/v1/m**', (route) => onRoute(route).catch(() => {}));

  return {
    mend: () => set(never),
    cut: (...methods) => set((method) => methods.length === 0 || methods.includes(method)),
    hold: (...methods) => set(never, methods),
    refuse(methods, carriedOut = false) {
      isCarriedOut = carriedOut;
      set(never, [], methods);
    },
  };
}
