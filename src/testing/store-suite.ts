import { registerTests } from './registry.js';
import { deadlineTests } from './store/deadlines.js';
import { entryTests } from './store/entries.js';
import type { StoreFixture } from './store/fixture.js';
import { runWithHarness, type StoreTest } from './store/harness.js';
import { lifeTests } from './store/life.js';
import { outageTests } from './store/outage.js';
import { raceTests } from './store/races.js';
import { revisionTests } from './store/revisions.js';
import { sweepTests } from './store/sweeping.js';
import { textTests } from './store/text.js';

export type { StoreFixture } from './store/fixture.js';

/** The `it` of a test runner, such as that of `node:test`, vitest, jest or mocha. */
export type StoreSuiteIt = (name: string, run: () => Promise<void>) => void;

/** Where a store under test departs from the contract. */
export interface StoreSuiteOptions {
  /**
   * Tests that this store is known to fail: full name to documented reason. The suite registers them under name and
   * reason, and they pass without running, so that a report lists them.
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

/** The last test on each fixture: outages and sweep counts must not run beside another test. */
const lastOn = new WeakMap<StoreFixture, Promise<void>>();

function afterTheLast(fixture: StoreFixture, run: () => Promise<void>): Promise<void> {
  const result = (lastOn.get(fixture) ?? Promise.resolve()).then(run);
  lastOn.set(
    fixture,
    result.catch(() => {}), // The runner of that test reports it.
  );
  return result;
}

/**
 * Registers the conformance tests of a mailbox store: every promise of the contract `MailboxStore`. With a store that
 * passes, the relay binds exactly one receiver, loses no update, serves nothing after expiry, and reports outages.
 *
 * The tests are independent, use fresh random keys, and leave entries that expire in ten minutes, so the backend may be
 * shared. A fixture with `breakBackend` needs a separate backend, because an outage affects every client. Tests on one
 * fixture object run one after another. Most take milliseconds, tests of deadlines up to 2 s, tests of outages up to
 * 15 s: set the time limit of your runner to 20 s.
 *
 * @param it - registers one test with your runner; failures are `AssertionError`s of `node:assert`
 * @param fixture - opens stores on the backend and makes it fail; or a function that returns such a fixture, called when
 * each test runs, for a backend that starts later or is fresh for each test
 * @param options - where the store departs from the contract
 * @throws TypeError if `skip` names an unknown test, or gives no reason
 */
export function storeSuite(
  it: StoreSuiteIt,
  fixture: StoreFixture | (() => StoreFixture | Promise<StoreFixture>),
  { skip = {} }: StoreSuiteOptions = {},
): void {
  registerTests(it, TESTS, skip, async (run) => {
    const given = typeof fixture === 'function' ? await fixture() : fixture;
    await afterTheLast(given, () => runWithHarness(given, run));
  });
}
