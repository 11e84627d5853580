/**
 * Checks docs/conformance.md against the sources and the last `VITEST_JSON=1 npm test`:
 * - every requirement has one row, and every file that a row names exists;
 * - the last cell of a row begins with ids, such as `N16 A22.`, and each of these ids stands in the brackets of a test
 *   title that ran and passed, or the cell begins with a reason (`not tested:` or `missing:`);
 * - every id in a test title has a row.
 */
import { existsSync, readFileSync } from 'node:fs';

const DOCUMENT = 'docs/conformance.md';
const RESULTS = '.cache/tests.json';

const ID = /\b[NRAS]\d+\b/g;

/** Requirements that are the client's or the whole system's; the document lists them apart. */
const NOT_THE_RELAYS = [7, 14, 44, 45, 46, 47];

/** N: both protocol drafts, R: the requirements draft, A: questions that the drafts leave open, S: attacks. */
const requirements = [
  ...number('N', 47).filter((_, index) => !NOT_THE_RELAYS.includes(index + 1)),
  ...number('R', 17),
  ...number('A', 44),
  ...number('S', 10),
];

const rows = readFileSync(DOCUMENT, 'utf8')
  .split('\n')
  .filter((line) => /^\| [NRAS]\d+\b/.test(line))
  .map((line) => {
    const cells = line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim());
    const last = cells.at(-1) ?? '';
    return {
      id: /^[NRAS]\d+/.exec(cells[0] ?? '')?.[0] ?? '',
      files: [...(cells[2] ?? '').matchAll(/`([^`]+)`/g)]
        .map(([, name]) => name ?? '')
        .filter((name) => name.includes('/')),
      tests: /^((?:[NRAS]\d+ ?)+)(?:\.|$)/.exec(last)?.[1]?.match(ID) ?? [],
      isReason: /^(not tested|missing): /.test(last),
    };
  });

/** @type {Array<{ assertionResults: Array<{ fullName: string, status: string }> }>} */
const { testResults } = JSON.parse(readFileSync(RESULTS, 'utf8'));
const verified = new Set(
  testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ status }) => status === 'passed')
    .flatMap(({ fullName }) => [...fullName.matchAll(/\[([^\]]*)\]/g)])
    .flatMap(([, clause = '']) => clause.match(ID) ?? []),
);

const faults = [];
for (const id of requirements) {
  const count = rows.filter((row) => row.id === id).length;
  if (count !== 1) faults.push(`${id}: has ${count} rows`);
}
for (const { id, files, tests, isReason } of rows) {
  if (!requirements.includes(id)) faults.push(`${id}: is not a requirement on the relay`);
  for (const file of files) if (!existsSync(file)) faults.push(`${id}: there is no ${file}`);
  for (const test of tests) if (!verified.has(test)) faults.push(`${id}: no test that passed has ${test} in its title`);
  if (tests.length === 0 && !isReason) faults.push(`${id}: names no test id and no reason`);
}
const known = new Set(requirements);
for (const id of verified) if (!known.has(id) && !isTheClients(id)) faults.push(`${id}: stands in a test title only`);

const withTests = rows.filter(({ tests }) => tests.length > 0).length;
console.log(
  `${DOCUMENT}: ${rows.length} rows, ${withTests} with tests that passed, ${rows.length - withTests} with a reason`,
);
for (const fault of faults) console.error(fault);
process.exitCode = faults.length === 0 ? 0 : 1;

/**
 * @param {string} letter
 * @param {number} count
 */
function number(letter, count) {
  return Array.from({ length: count }, (_, index) => `${letter}${index + 1}`);
}

/** @param {string} id */
function isTheClients(id) {
  return NOT_THE_RELAYS.some((each) => id === `N${each}`);
}
