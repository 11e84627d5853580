import type { Events, RelayEventMap } from '../events.js';
import type { MailboxStore, StoreHealth } from './contract.js';
import { describeFailure } from './describe-failure.js';
import { withStoreTimeout } from './store-timeout.js';

/** The relay warns of a larger difference between the clocks of the store and of this machine. */
const MAXIMUM_SKEW_MS = 1000;

/** A store often has a deadline of the same length, and its error says more than that of the relay. */
const GRACE_MS = 250;

/** The relay checks the store at this interval, in ms, and when the host calls `relay.ping()`. */
const CHECK_INTERVAL_MS = 60_000;

/**
 * Pings the store, and warns of a state that could lose mailboxes, once until the state is good again. Resolves to the
 * health that the store reports; rejects with the error of the store.
 */
export type HealthCheck = () => Promise<StoreHealth>;

export function createHealthCheck(store: MailboxStore, key: string, timeoutMs: number, events: Events): HealthCheck {
  const warned = new Set<string>();

  /** Warns once for as long as the state lasts. */
  function warnIf(isWrong: boolean, warning: RelayEventMap['relay.warned']['warning'], message: string): void {
    if (!isWrong) warned.delete(warning);
    if (!isWrong || warned.has(warning)) return;
    warned.add(warning);
    events.emit('relay.warned', { warning, message });
  }

  return async () => {
    const health = await withStoreTimeout(timeoutMs + GRACE_MS, () => store.ping(key));
    warnIf(
      Math.abs(health.clockSkewMs) > MAXIMUM_SKEW_MS,
      'store_clock_skew',
      'The clocks of the store and of this machine differ by more than a second.',
    );
    warnIf(
      (health.evictionPolicy ?? 'noeviction') !== 'noeviction',
      'store_evicts',
      'The store may evict live mailboxes when it is full. Set its maxmemory-policy to noeviction.',
    );
    return health;
  };
}

/**
 * Emits the warnings about a store, in a microtask, so that listeners added right after `createRelay` receive them. A
 * relay starts even if the backend is down. Checks again every `intervalMs`, since an operator can change the settings
 * of a backend at any time. The timer does not keep the process alive.
 *
 * @returns A function that stops the checks.
 */
export function startHealthChecks(
  store: MailboxStore,
  check: HealthCheck,
  events: Events,
  intervalMs = CHECK_INTERVAL_MS,
): () => void {
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;

  async function run(): Promise<void> {
    const startedAt = performance.now();
    try {
      await check();
    } catch (error) {
      if (!isStopped) {
        events.emit('store.failed', { call: 'ping', ...describeFailure(error), ms: performance.now() - startedAt });
      }
    }
    if (!isStopped) timer = setTimeout(run, intervalMs * (0.9 + 0.2 * Math.random())).unref();
  }

  queueMicrotask(() => {
    if (store.capabilities.atomic === 'process') {
      events.emit('relay.warned', {
        warning: 'store_single_process',
        message:
          'This store supports one process only: a second process would not see the mailboxes, or could bind a ' +
          'second receiver. Use a shared store before you run more than one process.',
      });
    }
    if (store.capabilities.storesObjects !== true && !isStopped) void run();
  });
  return () => {
    isStopped = true;
    clearTimeout(timer);
  };
}
