import { describeCause, type Events, type RelayEventMap } from '../events.js';
import type { MailboxStore, StoreHealth } from './contract.js';
import { withStoreTimeout } from './store-timeout.js';

/** Clock skew between a store and this machine above which an operator is warned, in ms. */
const SKEW_LIMIT_MS = 1000;

/**
 * Asks a store how it is, and warns of what would cost mailboxes, each thing once. Resolves to what the store says;
 * rejects with its error if it does not answer.
 */
export type HealthCheck = () => Promise<StoreHealth>;

/** Makes the health check of one relay; it gives up after `timeoutMs`. */
export function createHealthCheck(store: MailboxStore, timeoutMs: number, events: Events): HealthCheck {
  const warned = new Set<string>();

  function warn(warning: RelayEventMap['relay.warned']['warning'], message: string): void {
    if (warned.has(warning)) return;
    warned.add(warning);
    events.emit('relay.warned', { warning, message });
  }

  return async () => {
    const health = await withStoreTimeout(timeoutMs, () => store.ping());
    if (Math.abs(health.clockSkewMs) > SKEW_LIMIT_MS) {
      warn('store_clock_skew', 'The clocks of the store and of this machine differ by more than a second.');
    }
    if ((health.evictionPolicy ?? 'noeviction') !== 'noeviction') {
      warn(
        'store_evicts',
        'The store may drop live mailboxes when it is full. Set its maxmemory-policy to noeviction.',
      );
    }
    return health;
  };
}

/**
 * What is known and found of a store when a relay is made, said after `createRelay` has returned, so that listeners
 * added in the meantime hear it. A backend that is down does not keep a relay from starting.
 */
export function checkAtStart(store: MailboxStore, check: HealthCheck, events: Events): void {
  queueMicrotask(() => {
    if (store.capabilities.atomic === 'process') {
      events.emit('relay.warned', {
        warning: 'store_single_process',
        message:
          'This store serves one process only: a second one would not see its mailboxes, or could bind a second receiver. ' +
          'Give createRelay a shared store before you run more than one.',
      });
    }
    if (store.capabilities.storesObjects === true) return;
    const started = performance.now();
    check().catch((error: unknown) => {
      events.emit('store.failed', { call: 'ping', cause: describeCause(error), ms: performance.now() - started });
    });
  });
}
