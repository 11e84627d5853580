import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { program, STORES } from './programs/stores.js';
import { copyTransfer, judge, makeFolder, must, packPackage, run, startServers, write } from './support.mjs';

/* Yarn PnP lets @keyv/redis and @keyv/postgres find keyv only if the project depends on keyv. */
const PEERS = ['keyv', '@keyv/redis', '@keyv/postgres', 'pg', 'libsql'];

/** The message without the optional package has to name the package and the command that installs it. */
const MISSING = { 'redis URL': '@keyv/redis', 'postgres URL': 'pg', sqlite: 'libsql' };

/** @type {Record<string, { tool: string, add: (tool: string, packages: string[]) => string[], node: (tool: string, file: string) => string[], files: Record<string, string> }>} */
const MANAGERS = {
  pnpm: {
    tool: 'pnpm@10',
    add: (tool, packages) => [tool, 'add', '--config.minimum-release-age=0', ...packages],
    node: (_tool, file) => ['node', file],
    files: {},
  },
  'Yarn PnP': {
    tool: '@yarnpkg/cli-dist@4',
    add: (tool, packages) => ['node', tool, 'add', ...packages],
    node: (tool, file) => ['node', tool, 'node', file],
    files: {
      '.yarnrc.yml':
        'nodeLinker: pnp\nenableTelemetry: false\nenableGlobalCache: false\nenableImmutableInstalls: false\nnpmMinimalAgeGate: 0\n',
      'yarn.lock': '',
    },
  },
};

export async function runPart({ results, isAsked }) {
  const servers = await startServers();
  try {
    for (const name of Object.keys(MANAGERS).filter(isAsked)) await tryManager(name, results, servers.env);
  } finally {
    await servers.close();
  }
}

async function tryManager(name, results, env) {
  const { tool, add, node, files } = MANAGERS[name] ?? { tool: '', add: () => [], node: () => [], files: {} };
  const home = await makeFolder('manager');
  await write(home, 'package.json', '{ "private": true }');
  await must('npm', ['install', '--no-audit', '--no-fund', tool], { cwd: home });
  const entry = join(
    home,
    'node_modules',
    tool.startsWith('pnpm') ? 'pnpm/bin/pnpm.cjs' : '@yarnpkg/cli-dist/bin/yarn.js',
  );
  const call = (/** @type {string[]} */ words, /** @type {string} */ cwd) => {
    const [command = '', ...rest] = words[0] === entry ? ['node', ...words] : words;
    return run(command, rest, { cwd, env, ms: 240_000 });
  };
  for (const peers of [PEERS, []]) {
    const folder = await makeFolder('managed');
    await write(folder, 'package.json', '{ "name": "app", "private": true, "type": "module" }');
    for (const [path, text] of Object.entries(files)) await write(folder, path, text);
    await copyTransfer(folder);
    const added = await call(add(entry, [`credential-relay@file:${await packPackage()}`, ...peers]), folder);
    if (added.status !== 0) {
      results.add(name, 'install', added.output.slice(-900));
      continue;
    }
    const stores = peers.length > 0 ? Object.keys(STORES) : ['memory', ...Object.keys(MISSING)];
    for (const [index, store] of stores.entries()) {
      await write(folder, `app${index}.mjs`, program(store));
      const outcome = await call(node(entry, `app${index}.mjs`), folder);
      const missing = peers.length > 0 ? undefined : MISSING[/** @type {keyof typeof MISSING} */ (store)];
      const isTold = outcome.output.includes(
        `package ${missing} is not installed; install it with: npm install ${missing}`,
      );
      if (missing === undefined) results.add(name + (peers.length > 0 ? '' : ', no peers'), store, judge(outcome));
      else results.add(`${name}, no peers`, store, isTold ? undefined : outcome.output.slice(-700));
    }
    await rm(folder, { recursive: true, force: true });
  }
}
