/**
 * `npm run soak -- mutations [--list]`: puts one fault at a time into a copy of the tree and lists the tests that fail.
 * The run exits with 0 only if every fault was applied and made a test fail. `--list` applies the faults and runs no
 * test. If a function was renamed, correct its row in the table below.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  dropCallTo,
  dropReturn,
  dropThrow,
  mutate,
  replaceArguments,
  replaceCall,
  replaceComparison,
  replaceConditional,
  replaceProperty,
  replaceReturn,
  replaceThrow,
  skipLastCall,
} from './mutations/operators.mjs';

const COMMIT = 'src/relay/operations/commit.ts';
const CREATE = 'src/relay/operations/create.ts';
const ROLES = 'src/relay/mailbox/roles.ts';
const TRANSITIONS = 'src/relay/mailbox/transitions.ts';
const UNSEALED = "Buffer.from(JSON.stringify(record)).toString('base64')";
const WHOLE_SECOND = 'Math.ceil(now / 1000) * 1000';

/** @type {ReadonlyArray<readonly [string, string, string, import('./mutations/operators.mjs').Operator]>} */
const ROWS = [
  [
    'the memory store replaces without comparing',
    'adapters/store/memory/index.ts',
    'memoryStore.replace',
    dropReturn("'conflict'"),
  ],
  ['a lost race counts as won', COMMIT, 'replaceRecord', replaceComparison("=== 'ok'", "result !== 'missing'")],
  ['a second reader is admitted', ROLES, 'resolveReadingRole', dropThrow('mailbox_taken')],
  ['rights are ignored', TRANSITIONS, 'assertRight', dropThrow('right_missing')],
  ['a read without R binds', TRANSITIONS, 'createReadTransition.apply', dropCallTo('assertRight')],
  ['texts are not escaped', 'src/relay/preview/escape.ts', 'escapeHtml', skipLastCall('replace')],
  [
    'a late retry is applied',
    'src/relay/mailbox/remembered-updates.ts',
    'rememberUpdate',
    replaceArguments('slice', '-1'),
  ],
  ['retries are not recognised', TRANSITIONS, 'createUpdateTransition.admit', replaceProperty('duplicate', 'false')],
  ['released claims are admitted', ROLES, 'resolveReadingRole', replaceThrow('claim_released', "return 'receiver';")],
  ['a delete leaves no tombstone', TRANSITIONS, 'createTombstone', replaceProperty('expiresAt', WHOLE_SECOND)],
  ['only the store checks the deadline', COMMIT, 'findRecord', replaceComparison('>', 'true')],
  [
    'an outage counts as an absent mailbox',
    'src/relay/store/guarded-store.ts',
    'guardStore.guard',
    replaceThrow('storeUnavailable', 'return undefined;'),
  ],
  [
    'claims are compared as written',
    'src/relay/http/headers.ts',
    'parseDeviceClaim',
    replaceCall('toLowerCase', "value.replace(/[A-F]/g, 'a')"),
  ],
  [
    'the known version is ignored',
    TRANSITIONS,
    'createUpdateTransition.apply',
    replaceComparison('!== version', 'false'),
  ],
  [
    'digests lack the salt of the mailbox',
    'src/relay/mailbox/digests.ts',
    'digestClaim',
    replaceCall('digest', 'digest(claim)'),
  ],
  ['records are not sealed', 'src/relay/store/codec.ts', 'sealingCodec.encode', replaceCall('seal', UNSEALED)],
  ['a create does not try the previous keys', CREATE, 'createMailbox.run', replaceCall('slice', '[]')],
  [
    'a hook that returns true admits',
    'src/relay/auth/contract.ts',
    'isPrincipal',
    replaceReturn('false', 'value === true'),
  ],
  ['the authorize hook is not called', COMMIT, 'commit', dropCallTo('authorize')],
  [
    'a refusal of a hook is ignored',
    'src/relay/auth/guard.ts',
    'createGuard.call',
    replaceThrow(undefined, 'return {};'),
  ],
  ['a change does not wake waiting reads', COMMIT, 'afterCommit', dropCallTo('wake')],
  ['the relay notifies the device that wrote', COMMIT, 'notifyOther', replaceConditional('role')],
];
const FAULTS = ROWS.map(([title, file, name, operator]) => ({ title, file, function: name, operator }));

const SUITES = [
  'test/conformance',
  'test/race/mailbox.test.ts',
  'test/security/secrets',
  'test/security/unread',
  'test/relay/store',
  'test/relay/mailbox',
  'test/relay/http/path',
  'test/relay/options',
  'test/property',
  'test/relay/auth/hooks',
  'test/relay/long-poll/long-poll',
  'test/relay/notify/relay-push',
];
const TIMEOUT_MS = 600_000;

const isListOnly = process.argv.includes('--list');
const tree = mkdtempSync(join(tmpdir(), 'credential-relay-mutations-'));
/** @type {Set<string>} */
const unreliable = new Set();
let failures = 0;
try {
  copyTree();
  // On a busy machine a test with a time limit can fail without a fault. Such a test notices nothing.
  for (const test of isListOnly ? [] : runTests()) unreliable.add(test);
  for (const test of unreliable) console.log(`ignored, fails without a fault: ${test}`);
  for (const fault of FAULTS) if (!tryFault(fault)) failures += 1;
} finally {
  rmSync(tree, { recursive: true, force: true });
}
console.log(`${FAULTS.length} faults, ${failures} ${isListOnly ? 'not applied' : 'not applied or unnoticed'}`);
process.exitCode = failures === 0 ? 0 : 1;

function copyTree() {
  for (const name of ['src', 'adapters', 'test', 'package.json', 'tsconfig.json']) {
    cpSync(name, join(tree, name), { recursive: true });
  }
  symlinkSync(join(process.cwd(), 'node_modules'), join(tree, 'node_modules'));
}

/**
 * Applies one fault, runs the tests, and restores the file. True if a test failed.
 * @param {(typeof FAULTS)[number]} fault
 */
function tryFault({ title, file, function: name, operator }) {
  const path = join(tree, file);
  let source = '';
  try {
    source = readFileSync(path, 'utf8');
    writeFileSync(path, mutate(source, name, operator));
  } catch (error) {
    console.log(`NOT APPLIED  ${title}: ${name} in ${file} ${error instanceof Error ? error.message : error}`);
    return false;
  }
  const failed = isListOnly ? undefined : runTests().filter((test) => !unreliable.has(test));
  writeFileSync(path, source);
  if (failed === undefined) console.log(`applied  ${title}: ${name} in ${file}`);
  else console.log(`${failed.length === 0 ? 'UNNOTICED' : 'noticed'}  ${title}: ${failed.length} tests fail`);
  for (const test of failed?.slice(0, 5) ?? []) console.log(`    ${test}`);
  return failed?.length !== 0;
}

/** Runs the suites in the copy. @returns {string[]} the full names of the failed tests */
function runTests() {
  spawnSync('npx', ['vitest', 'run', '--config', 'test/vitest.config.ts', ...SUITES], {
    cwd: tree,
    stdio: 'ignore',
    timeout: TIMEOUT_MS,
    env: { ...process.env, VITEST_JSON: '1' },
  });
  const results = join(tree, '.cache/tests.json');
  if (!existsSync(results)) throw new Error(`the tests did not end within ${TIMEOUT_MS / 1000} s`);
  const { testResults } = JSON.parse(readFileSync(results, 'utf8'));
  rmSync(results);
  return testResults.flatMap((/** @type {any} */ suite) => [
    ...suite.assertionResults
      .filter((/** @type {any} */ test) => test.status === 'failed')
      .map((/** @type {any} */ test) => test.fullName),
    ...(suite.assertionResults.length === 0 && suite.status === 'failed'
      ? [`${suite.name.split('/').pop()} does not load`]
      : []),
  ]);
}
