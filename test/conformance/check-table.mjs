/**
 * Holds docs/conformance.md to the truth: every demand has its row, every file that a row names exists, and every test
 * that a row names ran and passed in the last `VITEST_JSON=1 npm test`. A row names tests in its last column, each in
 * backticks, by full title or by the end of it.
 */
import { existsSync, readFileSync } from 'node:fs';

const DOCUMENT = 'docs/conformance.md';
const RESULTS = '.cache/tests.json';

/** Demands of the drafts on a relay: N rows of both protocol drafts, R of the requirements draft, A ambiguities. */
const NOT_THE_RELAYS = [7, 14, 44, 45, 46, 47]; // the client's, or the whole system's: listed apart in the document
const demands = [
  ...Array.from({ length: 47 }, (_, index) => index + 1)
    .filter((number) => !NOT_THE_RELAYS.includes(number))
    .map((number) => `N${number}`),
  ...Array.from({ length: 17 }, (_, index) => `R${index + 1}`),
  ...Array.from({ length: 44 }, (_, index) => `A${index + 1}`),
];

const rows = readFileSync(DOCUMENT, 'utf8')
  .split('\n')
  .filter((line) => /^\| [NRA]\d+ \|/.test(line))
  .map((line) => {
    const cells = line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim());
    const named = (cell = '') => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? '');
    return { id: cells[0] ?? '', files: named(cells[2]), tests: named(cells[3]), note: cells[3] ?? '' };
  });

/** @type {Array<{ assertionResults: Array<{ fullName: string, status: string }> }>} */
const { testResults } = JSON.parse(readFileSync(RESULTS, 'utf8'));
const passed = testResults.flatMap(({ assertionResults }) =>
  assertionResults.filter(({ status }) => status === 'passed').map(({ fullName }) => fullName),
);

const faults = [];
for (const id of demands) {
  const count = rows.filter((row) => row.id === id).length;
  if (count !== 1) faults.push(`${id}: has ${count} rows`);
}
for (const { id, files, tests, note } of rows) {
  if (!demands.includes(id)) faults.push(`${id}: is no demand on the relay`);
  for (const file of files) if (!existsSync(file)) faults.push(`${id}: there is no ${file}`);
  for (const test of tests) {
    if (!passed.some((name) => name.endsWith(test))) faults.push(`${id}: no test that ran ends in "${test}"`);
  }
  if (tests.length === 0 && !/^(not tested|missing): /.test(note)) faults.push(`${id}: names no test and no reason`);
}

const reasons = rows.filter(({ tests }) => tests.length === 0).length;
console.log(`${DOCUMENT}: ${rows.length} rows, ${rows.length - reasons} with tests that ran, ${reasons} with a reason`);
for (const fault of faults) console.error(fault);
process.exitCode = faults.length === 0 ? 0 : 1;
