/**
 * `npm run soak -- NAME [arguments]`: the long runs, one at a time. Without a name it lists them. The npm script builds
 * the package first. Each run prints its figures and exits with 1 if a check fails. TEST_REDIS_URL and TEST_POSTGRES_URL
 * replace the servers that a run would start.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const VITEST = [process.execPath, 'node_modules/vitest/vitest.mjs', 'run', '--config'];
const soak = (/** @type {string} */ name) => [...VITEST, 'test/vitest.soak.config.ts', `test/soak/${name}`];

/** @type {Record<string, { about: string, options?: string, command: string[], env?: Record<string, string> }>} */
const RUNS = {
  bind: {
    about: '10,000 mailboxes, each read by 8 claims at once; half a minute',
    options: '[--mailboxes 10000] [--claims 8]',
    command: soak('bind.soak.ts'),
  },
  race: {
    about: 'four relay processes on one store: 100,000 concurrent reads, creates and updates',
    options:
      '[redis] [postgres] [sqlite] [--processes 4] [--mailboxes 500] [--contenders 50] [--creates 200] [--shared 50] ' +
      '[--writes 20] [--contrast 50]',
    command: soak('race.soak.ts'),
  },
  kill: {
    about: 'relay processes killed under load',
    options: '[redis] [postgres] [sqlite] [--processes 4] [--kills 20] [--concurrency 24]',
    command: soak('kill.soak.ts'),
  },
  outage: {
    about: 'Redis and Postgres killed, suspended and cut off under load; a minute',
    command: soak('outage.soak.ts'),
  },
  'long-poll': {
    about: 'waiting reads: notifications between processes, 10,000 reads held, 2,000 unbound devices, a restart',
    options:
      '[redis] [postgres] [held] [unbound] [restart] [--waits 1000] [--races 10000] [--held 10000] [--unbound 2000] ' +
      '[--restart 1000]',
    command: soak('long-poll'),
  },
  memory: {
    about: '200 hostile connections against a heap of 256 MB; five minutes',
    command: [...VITEST, 'test/vitest.config.ts', 'test/security/memory.test.ts'],
    env: { SOAK: '1' },
  },
  push: {
    about: 'the cost of an update whose push provider never answers',
    options: '[--runs 5] [--updates 2000] [--mailboxes 500]',
    command: soak('push.soak.ts'),
  },
  sweep: {
    about: 'a sweep of Postgres with a million expired and a million live rows; two minutes',
    options: '[--rows 1000000]',
    command: soak('sweep.soak.ts'),
  },
  matrix: {
    about: 'the packed package in bundlers, Jest, TypeScript, Metro, package managers, Bun, Deno, and Node 22 and 24',
    options: '[bundlers | jest | typescript | metro | managers | runtimes | node-versions] [--only TEXT] [--all]',
    command: [process.execPath, 'test/matrix/run.mjs'],
  },
  mutations: {
    about: 'one fault at a time in the code, and the tests that fail; ten minutes',
    options: '[--list]',
    command: [process.execPath, 'test/soak/mutations.mjs'],
  },
};

const [name = '', ...rest] = process.argv.slice(2);
const run = Object.hasOwn(RUNS, name) ? RUNS[name] : undefined;
if (run === undefined) {
  if (name !== '') console.error(`There is no soak run named ${name}.\n`);
  for (const [each, { about, options }] of Object.entries(RUNS)) {
    console.log(`npm run soak -- ${each.padEnd(10)} ${about}${options === undefined ? '' : `\n    ${options}`}`);
  }
  process.exitCode = name === '' ? 0 : 2;
} else {
  const [command = '', ...words] = run.command;
  const isVitest = run.command[1] === VITEST[1];
  const { status } = spawnSync(command, isVitest ? words : [...words, ...rest], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    stdio: 'inherit',
    env: { ...process.env, ...run.env, SOAK_ARGUMENTS: rest.join(' ') },
  });
  process.exitCode = status ?? 1;
}
