import { storeFromOption } from '../../adapters/store/from-option.js';
import type { Events } from './events.js';
import type { ChangeBus } from './long-poll/contract.js';
import type { Settings } from './options.js';
import type { MailboxStore } from './store/contract.js';
import { type GuardedStore, guardStore } from './store/guarded-store.js';
import { createHealthCheck, type HealthCheck, startHealthChecks } from './store/health.js';
import { type Sweeper, startSweeper } from './store/sweeper.js';

/** The store of a relay, with the background work that belongs to the store. */
export interface RelayStore {
  readonly guarded: GuardedStore;
  readonly changes: ChangeBus | undefined;
  readonly ping: HealthCheck;
  /**
   * Starts the sweeper and the health check. Not part of {@link openStore}: a relay with a wrong option throws, and
   * must leave no timer.
   */
  start(): void;
  /** Stops what {@link start} started. Resolves when a running sweep has ended. */
  stopBackgroundWork(): Promise<void>;
  /** Closes the store, unless the host created the store. */
  close(): Promise<void>;
}

/** Chooses the store by the options. Throws a TypeError if the store requires keys, and the options have none. */
export function openStore(settings: Settings, events: Events): RelayStore {
  const store = storeFromOption(settings.store, settings.clock);
  assertKeys(settings, store);
  const ping = createHealthCheck(store, `${settings.namespace}:ping`, settings.storeTimeoutMs, events);
  let sweeper: Sweeper | undefined;
  let stopChecks: (() => void) | undefined;
  return {
    guarded: guardStore(store, Math.min(settings.storeTimeoutMs, settings.storeBudgetMs), events),
    changes: store.changes,
    ping,
    start() {
      sweeper = startSweeper(store, settings.sweepIntervalMs, events);
      stopChecks = startHealthChecks(store, ping, events);
    },
    async stopBackgroundWork() {
      stopChecks?.();
      await sweeper?.stop();
    },
    async close() {
      if (settings.store !== store) await store.close();
    },
  };
}

/** Only the memory of this process may hold a record that is not sealed. */
function assertKeys(settings: Settings, store: MailboxStore): void {
  if (settings.keys.length === 0 && store.capabilities.storesObjects !== true) {
    throw new TypeError('keys: is required, because this store keeps records outside of this process');
  }
}
