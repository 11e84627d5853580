/**
 * `npm run soak -- mutations`: breaks the relay on purpose, one fault at a time, in a copy of the tree, and lists the tests
 * that notice. Exit 0 only if every fault is noticed. A fault whose text is no longer in the code is a failure too.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** @type {ReadonlyArray<readonly [name: string, file: string, find: string, replace: string]>} */
const FAULTS = [
  [
    'binding without compare',
    'adapters/store/memory/index.ts',
    "if (entry.revision !== revision) return 'conflict';",
    '',
  ],
  [
    'commits of one mailbox not in turn and a lost race taken for a win',
    'src/relay/operations/commit.ts',
    "result === 'ok' ? written : undefined",
    "result !== 'missing' ? written : undefined",
  ],
  [
    'the second reader is let in',
    'src/relay/mailbox/roles.ts',
    "if (mailbox.receiver !== undefined) throw new RelayError('mailbox_taken');",
    '',
  ],
  ['rights ignored', 'src/relay/mailbox/transitions.ts', 'if (!hasRight(mailbox.rights, right))', 'if (false)'],
  [
    'a read without R binds',
    'src/relay/mailbox/transitions.ts',
    "assertRight(mailbox, 'R'); // Before binding",
    '// Before binding',
  ],
  [
    'escaping off',
    'src/relay/preview/escape.ts',
    "(character) => ESCAPES[character] ?? '')",
    '(character) => character)',
  ],
  ['late retry applied', 'src/relay/mailbox/record.ts', 'slice(-REMEMBERED_UPDATES)', 'slice(-1)'],
  [
    'retries not recognised at all',
    'src/relay/mailbox/transitions.ts',
    'duplicate: request !== undefined && seen.some((known) => sameDigest(known, request))',
    'duplicate: false && seen.length > 0 && request === undefined',
  ],
  [
    'released claims let in again',
    'src/relay/mailbox/roles.ts',
    "if (membership.kind === 'released') throw new RelayError('claim_released');\n  if (membership.kind !== 'unbound') return membership.kind;",
    "if (membership.kind === 'sender' || membership.kind === 'receiver') return membership.kind;",
  ],
  [
    'no tombstone kept past a delete',
    'src/relay/mailbox/transitions.ts',
    'Math.min(mailbox.expiresAt, latest)',
    'Math.ceil(now / 1000) * 1000',
  ],
  ['expiry judged by the store alone', 'src/relay/operations/commit.ts', 'record.expiresAt > context.clock()', 'true'],
  [
    'an outage taken for an absent mailbox',
    'src/relay/store/guarded-store.ts',
    'throw storeUnavailable(cause);',
    'return undefined as Answer;',
  ],
  [
    'claims compared as written',
    'src/relay/http/headers.ts',
    'const claim = value.toLowerCase();',
    "const claim = value.replace(/[A-F]/g, 'a');",
  ],
  ['known version ignored', 'src/relay/mailbox/transitions.ts', 'update.knownVersion !== revision', 'false'],
  [
    'digests without the salt of the mailbox',
    'src/relay/mailbox/digests.ts',
    'digest(`claim${identifier}${claim}`)',
    'digest(`claim${identifier.slice(0, 0)}${claim}`)',
  ],
  [
    'records not sealed',
    'src/relay/store/codec.ts',
    'seal(current, address, JSON.stringify(record), iv())',
    "Buffer.from(JSON.stringify(record)).toString('base64')",
  ],
  [
    'previous keys not asked at a create',
    'src/relay/operations/create.ts',
    'candidates.slice(current + 1)',
    'candidates.slice(candidates.length)',
  ],
  [
    'a hook that returns true lets in',
    'src/relay/auth/contract.ts',
    "if (typeof value !== 'object' || value === null) return false;",
    "if (typeof value !== 'object' || value === null) return value === true;",
  ],
  [
    'the authorize hook is not asked',
    'src/relay/operations/commit.ts',
    'await budget.pausedDuring(() => authorize(role));',
    '',
  ],
  ['a refusal of a hook goes unheard', 'src/relay/auth/guard.ts', 'throw refusal;', 'return {} as Answer;'],
  ['who waits is not woken', 'src/relay/operations/commit.ts', 'context.waiters.wake(address.key);', ''],
  [
    'the device that wrote is pushed to',
    'src/relay/operations/commit.ts',
    "role === 'sender' ? 'receiver' : 'sender'",
    'role',
  ],
];

const SUITES = [
  'test/conformance',
  'test/race/mailbox.test.ts',
  'test/security',
  'test/relay/store',
  'test/relay/mailbox',
  'test/relay/http/path',
  'test/relay/options',
  'test/property',
  'test/relay/auth/hooks',
  'test/relay/long-poll/long-poll',
  'test/relay/notify/relay-push',
];
const tree = mkdtempSync(join(tmpdir(), 'credential-relay-mutations-'));
let unnoticed = 0;

try {
  for (const name of ['src', 'adapters', 'test', 'package.json', 'tsconfig.json']) {
    cpSync(name, join(tree, name), { recursive: true });
  }
  symlinkSync(join(process.cwd(), 'node_modules'), join(tree, 'node_modules'));

  for (const [name, file, find, replace] of FAULTS) {
    const path = join(tree, file);
    const sound = readFileSync(path, 'utf8');
    if (sound.split(find).length !== 2) {
      console.log(`NOT APPLIED  ${name}: its text stands in ${file} ${sound.split(find).length - 1} times`);
      unnoticed += 1;
      continue;
    }
    writeFileSync(
      path,
      sound.replace(find, () => replace),
    );
    const failed = failingTests();
    writeFileSync(path, sound);
    if (failed.length === 0) unnoticed += 1;
    console.log(`${failed.length === 0 ? 'UNNOTICED' : 'noticed'}  ${name}: ${failed.length} tests fail`);
    for (const test of failed.slice(0, 5)) console.log(`    ${test}`);
  }
} finally {
  rmSync(tree, { recursive: true, force: true });
}
console.log(`${FAULTS.length} faults, ${unnoticed} unnoticed`);
process.exitCode = unnoticed === 0 ? 0 : 1;

/** @returns {string[]} the full names of the tests that fail in the copy */
function failingTests() {
  spawnSync('npx', ['vitest', 'run', '--config', 'test/vitest.config.ts', ...SUITES], {
    cwd: tree,
    stdio: 'ignore',
    timeout: 240_000,
    env: { ...process.env, VITEST_JSON: '1' },
  });
  const results = join(tree, '.cache/tests.json');
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
