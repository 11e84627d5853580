import { registerTests } from './registry.js';
import { bodyTests } from './suite/bodies.js';
import { claimTests } from './suite/claims.js';
import { configurationTests } from './suite/configuration.js';
import { contentTests } from './suite/content.js';
import { createTests } from './suite/create.js';
import { deleteTests } from './suite/delete.js';
import { errorTests } from './suite/errors.js';
import { expiryTests } from './suite/expiry.js';
import { fieldTests } from './suite/fields.js';
import { flowTests } from './suite/flows.js';
import { headerTests } from './suite/headers.js';
import { idempotencyTests } from './suite/idempotency.js';
import { pathTests } from './suite/paths.js';
import { previewTests } from './suite/preview.js';
import { raceTests } from './suite/races.js';
import { readTests } from './suite/read-and-bind.js';
import { relayAt, type Test } from './suite/relay.js';
import { relinquishTests } from './suite/relinquish.js';
import { rightsTests } from './suite/rights.js';
import { updateTests } from './suite/update.js';
import { versionTests } from './suite/versions.js';

/** The `it` of a test runner, such as that of `node:test`, vitest, jest or mocha. */
export type RelaySuiteIt = (name: string, run: () => Promise<void>) => void;

/** Where a relay under test departs from the defaults of the protocol. */
export interface RelaySuiteOptions {
  /** The largest body the relay accepts, in bytes (docs/protocol.md §7). Default: 65,536. */
  readonly bodyLimitBytes?: number;
  /**
   * Tests that this relay is known to fail: full name to documented reason. The suite registers them under name and
   * reason, and they pass without running, so that a report lists them.
   */
  readonly skip?: Readonly<Record<string, string>>;
}

const TESTS: readonly ((test: Test) => void)[] = [
  flowTests,
  createTests,
  fieldTests,
  contentTests,
  configurationTests,
  readTests,
  updateTests,
  versionTests,
  rightsTests,
  relinquishTests,
  deleteTests,
  idempotencyTests,
  raceTests,
  previewTests,
  headerTests,
  claimTests,
  pathTests,
  bodyTests,
  errorTests,
  expiryTests,
];

/**
 * Registers the conformance tests of the relay protocol in docs/protocol.md, which reads Secure Credential Transfer
 * (draft-secure-credential-transfer-05 §5-§7) and TIGRESS (draft-vinokurov-tigress-http-00 §5-§8). The tests are black-box
 * tests over HTTP. The title of a test begins with the operation; the section and the demand follow in brackets.
 *
 * The relay runs in its default configuration, without authentication hooks, and with limits that admit about 3,000
 * requests of one address. The suite does not test optional features (long polls, push delivery). The tests are
 * independent and run in any order; each creates its own mailboxes and leaves them to expire. Each takes milliseconds,
 * except the one on expiration with up to 3 s: set the time limit of your runner to 10 s.
 *
 * @param it - registers one test with your runner; failures are `AssertionError`s of `node:assert`
 * @param baseUrl - the URL of the mount point, such as `http://127.0.0.1:8080/relay`, to which the suite appends `/v1/m`;
 * or a function that returns it, called when each test runs, for a server that starts later
 * @param options - where the relay departs from the defaults
 * @throws TypeError if `skip` names an unknown test, or gives no reason
 */
export function relaySuite(
  it: RelaySuiteIt,
  baseUrl: string | (() => string),
  { bodyLimitBytes = 65_536, skip = {} }: RelaySuiteOptions = {},
): void {
  registerTests(it, TESTS, skip, (run) =>
    run(relayAt(typeof baseUrl === 'string' ? baseUrl : baseUrl(), bodyLimitBytes)),
  );
}
