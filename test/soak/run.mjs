/**
 * `npm run soak -- NAME [arguments]`: the long runs, one at a time. Without a name it lists them. The package itself must
 * have been built to dist before, which the npm script does.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const node = (/** @type {string} */ script) => [process.execPath, `test/soak/${script}.mjs`];
const vitest = (/** @type {string} */ config, /** @type {string[]} */ ...files) => [
  ...[process.execPath, 'node_modules/vitest/vitest.mjs', 'run', '--config', config],
  ...files,
];

/** @type {Record<string, { about: string, command: string[], env?: Record<string, string> }>} */
const RUNS = {
  bind: { about: '10,000 mailboxes, each raced by 8 claims; half a minute', command: node('bind') },
  race: { about: 'four relay processes on one store, 100,000 reads that race', command: node('race') },
  kill: { about: 'relay processes killed in the middle of their work', command: node('kill') },
  outage: {
    about: 'Redis and Postgres killed, halted and cut off under load; a minute',
    command: vitest('test/vitest.soak.config.ts'),
  },
  waiting: {
    about: 'wake-ups across processes, 10,000 reads held at once, 2,000 strangers, a restart under load',
    command: node('waiting'),
  },
  memory: {
    about: '200 connections that attack a heap of 256 MB; five minutes',
    command: vitest('test/vitest.config.ts', 'test/security/memory.test.ts'),
    env: { SOAK: '1' },
  },
  push: { about: 'the cost of an update whose push provider hangs', command: node('push') },
  sweep: { about: 'a sweep of Postgres with a million expired and a million live rows', command: node('sweep') },
  mutations: {
    about: 'breaks the code on purpose, one fault at a time, and lists the tests that fail; ten minutes',
    command: node('mutations'),
  },
};

const [name = '', ...rest] = process.argv.slice(2);
const run = Object.hasOwn(RUNS, name) ? RUNS[name] : undefined;
if (run === undefined) {
  if (name !== '') console.error(`There is no soak run named ${name}.\n`);
  for (const [each, { about }] of Object.entries(RUNS)) console.log(`npm run soak -- ${each.padEnd(10)} ${about}`);
  process.exitCode = name === '' ? 0 : 2;
} else {
  const [command = '', ...words] = run.command;
  const { status } = spawnSync(command, [...words, ...rest], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    stdio: 'inherit',
    env: { ...process.env, ...run.env },
  });
  process.exitCode = status ?? 1;
}
