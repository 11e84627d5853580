import type { Events, RelayEventMap } from '../events.js';
import type { MailboxStore, StoreHealth } from './contract.js';
import { describeFailure } from './describe-failure.js';
import { withStoreTimeout } from './store-timeout.js';

/** The relay warns of a larger difference between the clocks of the store and of this machine. */
const MAXIMUM_SKEW_MS = 1000;

/**
 * Pings the store, and warns of a state that could lose mailboxes, once per warning. Resolves to the health that the
 * store reports; rejects with the error of the store.
 */
export type HealthCheck = () => Promise<StoreHealth>;

export function createHealthCheck(store: MailboxStore, timeoutMs: number, events: Events): HealthCheck {
  const warned = new Set<string>();

  function warn(warning: RelayEventMap['relay.warned']['warning'], message: string): void {
    if (warned.has(warning)) return;
    warned.add(warning);
    events.emit('relay.warned', { warning, message });
  }

  return async () => {
    const health = await withStoreTimeout(timeoutMs, () => store.ping());
    if (Math.abs(health.clockSkewMs) > MAXIMUM_SKEW_MS) {
      warn('store_clock_skew', 'The clocks of the store and of this machine differ by more than a second.');
    }
    if ((health.evictionPolicy ?? 'noeviction') !== 'noeviction') {
      warn(
        'store_evicts',
        'The store may evict live mailboxes when it is full. Set its maxmemory-policy to noeviction.',
      );
    }
    return health;
  };
}

/**
 * Emits the warnings about a store, in a microtask, so that listeners added right after `createRelay` receive them. A
 * relay starts even if the backend is down.
 */
export function checkAtStart(store: MailboxStore, check: HealthCheck, events: Events): void {
  queueMicrotask(() => {
    if (store.capabilities.atomic === 'process') {
      events.emit('relay.warned', {
        warning: 'store_single_process',
        message:
          'This store supports one process only: a second process would not see the mailboxes, or could bind a ' +
          'second receiver. Use a shared store before you run more than one process.',
      });
    }
    if (store.capabilities.storesObjects === true) return;
    const startedAt = performance.now();
    check().catch((error: unknown) => {
      events.emit('store.failed', { call: 'ping', ...describeFailure(error), ms: performance.now() - startedAt });
    });
  });
}
