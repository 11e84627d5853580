/** What the proofs with several relay processes have in common: their parts, their arguments, their end. */
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'tsup';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const PARTS = [
  'backends',
  'bind-race',
  'client',
  'create-race',
  'fleet',
  'history',
  'kill-load',
  'slow-link',
  'update-race',
];

/**
 * Builds the parts of test/support/race, and imports them. The relay in them is the built package, by its name.
 * @param {string} name
 */
export async function loadParts(name) {
  // Not in node_modules, where a package cannot import itself.
  const outDir = `${ROOT}.cache/${name}-${process.pid}`;
  const entry = Object.fromEntries(
    [...PARTS, 'relay-process'].map((part) => [part, `${ROOT}test/support/race/${part}.ts`]),
  );
  await build({
    config: false,
    silent: true,
    entry,
    outDir,
    format: ['esm'],
    outExtension: () => ({ js: '.mjs' }),
    target: 'node20.19',
    skipNodeModulesBundle: true,
    esbuildOptions(options) {
      // Else the paths of tsconfig.json would lead to the sources.
      options.tsconfig = undefined;
      options.tsconfigRaw = '{}';
      options.external = ['credential-relay', 'credential-relay/*'];
    },
  });
  const modules = await Promise.all(PARTS.map((part) => import(`${outDir}/${part}.mjs`)));
  return {
    parts: Object.assign({}, ...modules),
    program: `${outDir}/relay-process.mjs`,
    remove: () => rm(outDir, { recursive: true, force: true }),
  };
}

/**
 * `redis sqlite --name 5 …`: stores by their names, default all, and numbers by theirs.
 * @template {Record<string, number>} Sizes
 * @param {readonly string[]} kinds
 * @param {Sizes} defaults
 * @returns {{ stores: readonly string[], sizes: Sizes }}
 */
export function argumentsOf(kinds, defaults) {
  const sizes = { ...defaults };
  const stores = [];
  const given = process.argv.slice(2);
  while (given.length > 0) {
    const word = given.shift() ?? '';
    const name = word.replace(/^--/, '');
    if (kinds.includes(word)) stores.push(word);
    else if (word.startsWith('--') && name in sizes) {
      const value = Number(given.shift());
      if (!Number.isSafeInteger(value) || value < 1) throw new TypeError(`${word}: must be a number above 0`);
      Object.assign(sizes, { [name]: value });
    } else {
      const options = Object.entries(defaults).map(([option, value]) => `[--${option} ${value}]`);
      throw new TypeError(`${word}: known are ${kinds.join(', ')} and ${options.join(' ')}`);
    }
  }
  return { stores: stores.length > 0 ? stores : kinds, sizes };
}

/**
 * Runs `prove` for each store; sets the exit code to 0 only if all of them held. Ends the process if that takes longer
 * than `minutes`; what was started ends with it.
 * @param {readonly string[]} stores
 * @param {number} minutes
 * @param {(store: string) => Promise<boolean>} prove
 */
export async function proveAll(stores, minutes, prove) {
  process.exitCode = 1;
  const watchdog = setTimeout(() => {
    console.log(`NOT PROVED: not done after ${minutes} minutes.`);
    process.exit(1);
  }, minutes * 60_000);
  const broken = [];
  for (const store of stores) {
    const held = await prove(store).catch((error) => {
      console.log(`  ${store}: ${error instanceof Error ? error.message : error}`);
      return false;
    });
    if (!held) broken.push(store);
  }
  clearTimeout(watchdog);
  console.log(broken.length === 0 ? 'Proved.' : `NOT PROVED: ${broken.join(', ')}.`);
  process.exitCode = broken.length === 0 ? 0 : 1;
}

/** @param {number} since from `performance.now()` */
export const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`;
