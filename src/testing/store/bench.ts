/** What a case of the suite works with: clients of the backend, its clock, its outages. */
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import type { MailboxStore } from '../../relay/store/contract.js';
import { checkedStore, outcomeOf } from './checked.js';
import { type BackendClock, readClock } from './clock.js';
import type { StoreFixture } from './fixture.js';

const CLOSE_MS = 3000;

/** Registers one case. */
export type StoreTest = (name: string, run: (bench: Bench) => Promise<void>) => void;

/** A backend for the length of one case. */
export interface Bench {
  /** Another client, its calls checked; closed when the case ends. */
  open(): Promise<MailboxStore>;
  /** Several clients. */
  clients(count: number): Promise<readonly [MailboxStore, ...MailboxStore[]]>;
  clock(store: MailboxStore): Promise<BackendClock>;
  /** False for memory of this process, which alone need not say how it fails. */
  canFail(store: MailboxStore): boolean;
  /** Runs `during` while the backend fails, and mends it whatever happens. */
  outage(during: () => Promise<void>): Promise<void>;
}

/** Runs a case, closes what it opened, and fails it for errors that nobody caught in the meantime. */
export async function runOnBench(fixture: StoreFixture, run: (bench: Bench) => Promise<void>): Promise<void> {
  const uncaught: unknown[] = [];
  const unwatch = watchProcess((error) => uncaught.push(error));
  const opened: MailboxStore[] = [];
  try {
    await run(benchOn(fixture, opened));
  } finally {
    // Whether close is sound is a case of its own; here it only must not keep the others waiting.
    await Promise.allSettled(opened.map((store) => outcomeOf('close', CLOSE_MS, () => store.close())));
    await turn(); // Node tells of an unhandled rejection when the microtasks are done.
    await turn();
    unwatch();
  }
  assert.deepEqual(uncaught.map(String), [], 'errors of the store that nobody could catch');
}

const watchers = new Set<(error: unknown) => void>();
const tellWatchers = (error: unknown): void => {
  for (const watcher of watchers) watcher(error);
};

/** Hears of errors that nobody caught; one listener for all cases that a runner has under way. */
function watchProcess(watcher: (error: unknown) => void): () => void {
  if (watchers.size === 0) process.on('unhandledRejection', tellWatchers).on('uncaughtException', tellWatchers);
  watchers.add(watcher);
  return () => {
    watchers.delete(watcher);
    if (watchers.size === 0) process.off('unhandledRejection', tellWatchers).off('uncaughtException', tellWatchers);
  };
}

function benchOn(fixture: StoreFixture, opened: MailboxStore[]): Bench {
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
