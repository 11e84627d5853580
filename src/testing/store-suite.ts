import { registerTests } from './registry.js';
import { runOnBench, type StoreTest } from './store/bench.js';
import { deadlineTests } from './store/deadlines.js';
import { entryTests } from './store/entries.js';
import type { StoreFixture } from './store/fixture.js';
import { lifeTests } from './store/life.js';
import { outageTests } from './store/outage.js';
import { raceTests } from './store/races.js';
import { revisionTests } from './store/revisions.js';
import { sweepTests } from './store/sweeping.js';
import { textTests } from './store/text.js';

export type { StoreFixture } from './store/fixture.js';

/** The `it` of a test runner: `node:test`, vitest, jest and mocha all have one that fits. */
export type StoreSuiteIt = (name: string, run: () => Promise<void>) => void;

/** Where a store under test departs from the contract. */
export interface StoreSuiteOptions {
  /**
   * Tests that this store is known to fail, by their full name, each with the documented reason. They are registered
   * all the same, under their name and the reason, and pass without running, so that a report shows what was left out.
   */
  readonly skip?: Readonly<Record<string, string>>;
}

const TESTS: readonly ((test: StoreTest) => void)[] = [
  entryTests,
  textTests,
  revisionTests,
  deadlineTests,
  raceTests,
  sweepTests,
  lifeTests,
  outageTests,
];

/** The last test on each fixture: outages and counts of a sweep bear no company. */
const lastOn = new WeakMap<StoreFixture, Promise<void>>();

function afterTheLast(fixture: StoreFixture, run: () => Promise<void>): Promise<void> {
  const result = (lastOn.get(fixture) ?? Promise.resolve()).then(run);
  lastOn.set(
    fixture,
    result.catch(() => {}), // Told to the runner of that test.
  );
  return result;
}

/**
 * Registers the conformance tests of a mailbox store: all that the contract (`MailboxStore`) promises the relay, each
 * test named after what it holds the store to. A store that passes gives the relay exactly one receiver, no lost
 * update, nothing after expiry, and an outage that says so.
 *
 * The tests need nothing of each other, take fresh random keys, and leave entries that expire in ten minutes, so that
 * the backend may be shared; but an outage is everybody's, so a fixture with `breakBackend` has a backend of its own.
 * Tests on one fixture object wait for one another even if the runner would have them run at once. Most take
 * milliseconds, those with deadlines up to two seconds, those with an outage up to fifteen if the store takes all the
 * time it may: give a runner with a short time limit twenty.
 *
 * @param it registers one test with the caller's runner; failures are `AssertionError`s of `node:assert`
 * @param fixture how to open stores on the backend and to make it fail; or a function that gives it, called when each
 * test runs, for a backend that starts later or is fresh for each test
 * @param options where the store departs from the contract
 * @throws TypeError if `skip` names a test that does not exist, or gives no reason
 */
export function storeSuite(
  it: StoreSuiteIt,
  fixture: StoreFixture | (() => StoreFixture | Promise<StoreFixture>),
  { skip = {} }: StoreSuiteOptions = {},
): void {
  registerTests(it, TESTS, skip, async (run) => {
    const given = typeof fixture === 'function' ? await fixture() : fixture;
    await afterTheLast(given, () => runOnBench(given, run));
  });
}
