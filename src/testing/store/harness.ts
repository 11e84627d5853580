/** The harness of one test case: clients of the backend, its clock, its outages. */
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import type { MailboxStore } from '../../relay/store/contract.js';
import { checkedStore, settle } from './checked.js';
import { type BackendClock, readClock } from './clock.js';
import type { StoreFixture } from './fixture.js';

const CLOSE_MS = 3000;

/** Registers one case. */
export type StoreTest = (name: string, run: (harness: StoreHarness) => Promise<void>) => void;

/** A backend for the length of one case. */
export interface StoreHarness {
  /** Another client, its calls checked; closed when the case ends. */
  open(): Promise<MailboxStore>;
  /** Several clients. */
  clients(count: number): Promise<readonly [MailboxStore, ...MailboxStore[]]>;
  clock(store: MailboxStore): Promise<BackendClock>;
  /** False for the memory of this process: a fixture without `breakBackend` is allowed for it only. */
  canFail(store: MailboxStore): boolean;
  /** Breaks the backend, runs `during`, and repairs the backend even if `during` fails. */
  outage(during: () => Promise<void>): Promise<void>;
}

/** Runs a case and closes the stores that it opened. Uncaught errors during the case fail it. */
export async function runWithHarness(
  fixture: StoreFixture,
  run: (harness: StoreHarness) => Promise<void>,
): Promise<void> {
  const uncaught: unknown[] = [];
  const unwatch = watchProcess((error) => uncaught.push(error));
  const opened: MailboxStore[] = [];
  try {
    await run(createHarness(fixture, opened));
  } finally {
    // Another case tests close; here a failing close must not block the next case.
    await Promise.allSettled(opened.map((store) => settle('close', CLOSE_MS, () => store.close())));
    await turn(); // Node reports an unhandled rejection after the microtasks.
    await turn();
    unwatch();
  }
  assert.deepEqual(uncaught.map(String), [], 'errors of the store that nobody could catch');
}

const watchers = new Set<(error: unknown) => void>();
const notifyWatchers = (error: unknown): void => {
  for (const watcher of watchers) watcher(error);
};

/** Reports uncaught errors of the process. All cases that run at once share one process listener. */
function watchProcess(watcher: (error: unknown) => void): () => void {
  if (watchers.size === 0) process.on('unhandledRejection', notifyWatchers).on('uncaughtException', notifyWatchers);
  watchers.add(watcher);
  return () => {
    watchers.delete(watcher);
    if (watchers.size === 0) process.off('unhandledRejection', notifyWatchers).off('uncaughtException', notifyWatchers);
  };
}

function createHarness(fixture: StoreFixture, opened: MailboxStore[]): StoreHarness {
  async function open(): Promise<MailboxStore> {
    const store = await fixture.open();
    opened.push(store);
    return checkedStore(store);
  }
  return {
    open,
    async clients(count) {
      const first = await open();
      const others: MailboxStore[] = [];
      while (others.length < count - 1) others.push(await open());
      return [first, ...others];
    },
    clock: (store) => readClock(store, fixture.expiryToleranceMs ?? 0),
    canFail({ capabilities }) {
      if (fixture.breakBackend !== undefined) return true;
      const inMemory = capabilities.atomic === 'process' && !capabilities.durable;
      assert.ok(inMemory, 'only memory of this process cannot fail: the fixture needs breakBackend');
      return false;
    },
    async outage(during) {
      const mend = await fixture.breakBackend?.();
      try {
        await during();
      } finally {
        await mend?.();
      }
    },
  };
}
