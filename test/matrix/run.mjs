/**
 * `npm run soak -- matrix PART [--only TEXT] [--all]`: the packed package in the tools and runtimes of its users. Each
 * part installs the tools from the registry into temporary folders, builds and starts programs there, and runs a whole
 * transfer in each. Prints a table, and exits with 1 if a cell failed. KEEP=1 keeps the folders.
 */
import { cleanUp, Results } from './support.mjs';

/** @type {Record<string, string>} */
const PARTS = {
  bundlers: 'esbuild, webpack, rollup, rolldown and Next.js (Turbopack, webpack), each with every store; ten minutes',
  jest: 'Jest 29 and 30, ts-jest and babel-jest, with and without transformIgnorePatterns',
  typescript: 'module resolutions node10, node16, nodenext and bundler, and ts-node',
  metro: 'Metro with and without package exports',
  managers: 'pnpm and Yarn PnP, with and without the optional packages',
  runtimes: 'Bun and Deno',
  'node-versions': 'the tests on Node 22 and 24: a part of them, or with --all the whole suite',
};

const [part = '', ...words] = process.argv.slice(2);
if (!Object.hasOwn(PARTS, part)) {
  for (const [name, about] of Object.entries(PARTS)) console.log(`${name.padEnd(14)} ${about}`);
  process.exitCode = part === '' ? 0 : 2;
} else {
  const only = words.includes('--only') ? (words[words.indexOf('--only') + 1] ?? '') : '';
  const results = new Results();
  try {
    const { runPart } = await import(`./${part}.mjs`);
    await runPart({
      results,
      isAsked: (/** @type {string} */ name) => name.includes(only),
      isAll: words.includes('--all'),
    });
  } finally {
    await cleanUp();
  }
  process.exitCode = results.print() ? 0 : 1;
}
