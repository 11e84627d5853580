import type { Page, Route } from 'playwright-core';

/** The way from one page to the relay, to be made worse. */
export interface NetworkFaults {
  /** Requests get through, also those that wait at the relay. */
  mend(): void;
  /** Nothing gets through, or nothing with these methods, and what waits is lost. */
  cut(...methods: string[]): void;
  /** Requests get through, and answers to these methods do not until it is mended. */
  hold(...methods: string[]): void;
  /** Requests with these methods are answered by a proxy that asks for much patience; with `isCarriedOut`, afterwards. */
  refuse(methods: readonly string[], isCarriedOut?: boolean): void;
}

const UNAVAILABLE = { status: 503, headers: { 'Retry-After': '300' } };

/** Takes over the way of a page; outlives reloads. */
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
  // The page may be gone by then.
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
