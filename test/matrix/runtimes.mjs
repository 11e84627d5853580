import { join } from 'node:path';
import { program, STORES } from './programs/stores.js';
import { copyTransfer, judge, makeProject, readVersion, run, startServers, write } from './support.mjs';

/* Bun and Deno, by the packages of the npm registry that bring their binaries. */
export async function runPart({ results, isAsked }) {
  const servers = await startServers();
  try {
    const folder = await makeProject('runtimes', ['@keyv/redis', '@keyv/postgres', 'pg', 'libsql', 'bun', 'deno'], {
      type: 'module',
    });
    // npm may not run the install scripts that put the binaries into place.
    for (const script of ['bun/install.js', 'deno/install_api.cjs']) {
      await run('node', [join('node_modules', script)], { cwd: folder });
    }
    await copyTransfer(folder);
    /** @type {Record<string, string[]>} */
    const runtimes = { bun: ['run'], deno: ['run', '--allow-all', '--node-modules-dir=manual'] };
    for (const [name, words] of Object.entries(runtimes)) {
      if (!isAsked(name)) continue;
      const row = `${name} ${await readVersion(folder, name)}`;
      for (const [index, store] of Object.keys(STORES).entries()) {
        await write(folder, `app${index}.mjs`, program(store));
        const command = join(folder, 'node_modules/.bin', name);
        const env = { ...servers.env, SQLITE_FILE: `${servers.env.SQLITE_FILE}.${name}`, DENO_NO_UPDATE_CHECK: '1' };
        results.add(
          row,
          store,
          judge(await run(command, [...words, `app${index}.mjs`], { cwd: folder, env, ms: 60_000 })),
        );
      }
    }
  } finally {
    await servers.close();
  }
}
