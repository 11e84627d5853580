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

/** The `it` of a test runner: `node:test`, vitest, jest and mocha all have one that fits. */
export type RelaySuiteIt = (name: string, run: () => Promise<void>) => void;

/** Where a relay under test departs from the defaults of the protocol. */
export interface RelaySuiteOptions {
  /** The largest body the relay accepts, in bytes (PROTOCOL §7). Default: 65,536. */
  readonly bodyLimitBytes?: number;
  /**
   * Tests that this relay is known to fail, by their full name, each with the documented reason. They are registered
   * all the same, under their name and the reason, and pass without running, so that a report shows what was left out.
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
 * Registers the conformance tests of the relay protocol: what docs/protocol.md says of Secure Credential Transfer
 * (draft-secure-credential-transfer-05 §5-§7) and TIGRESS (draft-vinokurov-tigress-http-00 §5-§8), as far as it can be
 * seen from outside. A test is named after the operation, with the section of the protocol and the demand it comes from
 * in brackets.
 *
 * The relay runs in its default configuration, without authentication hooks, and with rate limits and quotas that let
 * about three thousand requests of one address pass. Optional features (waiting, push delivery) are not tested. The
 * tests need nothing of each other and may run in any order; each makes its own mailboxes and leaves them to expire.
 * All take milliseconds but the one on expiration, which takes up to three seconds: give a runner with a short time
 * limit (mocha: 2 s) ten.
 *
 * @param it registers one test with the caller's runner; failures are `AssertionError`s of `node:assert`
 * @param baseUrl where the relay is mounted, for example `http://127.0.0.1:8080/relay`, to which `/v1/m` is appended;
 * or a function, called when each test runs, for a server that starts later
 * @param options where the relay departs from the defaults
 * @throws TypeError if `skip` names a test that does not exist, or gives no reason
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
