import { join } from 'node:path';
import { makeFolder, must, ROOT, run, write } from './support.mjs';

/** Files that touch the parts of Node that differ between versions: HTTP, streams, sockets, loaders, drivers. */
const SUBSET = ['test/hosts', 'test/client', 'test/adapters/store', 'test/dist', 'test/cli', 'test/relay/http'];

/** Runs vitest by other versions of Node: a part of the tests, or with `--all` every test. */
export async function runPart({ results, isAsked, isAll }) {
  await must('npm', ['run', 'build'], { cwd: ROOT }); // With declarations, which `npm run soak` leaves out.
  for (const major of ['20', '22', '24']) {
    if (!isAsked(major)) continue;
    const folder = await makeFolder(`node-${major}`);
    await write(folder, 'package.json', '{ "private": true }');
    // The package "node" installs this one by a script, which npm may not run.
    const name = `node-${process.platform}-${process.arch}`;
    await must('npm', ['install', '--no-audit', '--no-fund', `${name}@${major}`], { cwd: folder });
    const env = { PATH: `${join(folder, 'node_modules', name, 'bin')}:${process.env.PATH}` };
    const version = (await must('node', ['--version'], { env })).trim();
    if (!version.startsWith(`v${major}.`)) throw new Error(`Node ${major}: the binary is ${version}`);
    const files = isAll ? [] : SUBSET;
    const vitest = [
      'node_modules/vitest/vitest.mjs',
      'run',
      '--config',
      'test/vitest.config.ts',
      '--reporter=dot',
      ...files,
    ];
    const { status, output } = await run('node', vitest, { cwd: ROOT, env, ms: 1_800_000 });
    const failed = new Set(output.match(/^.*FAIL.*$/gm));
    const problem = status === 0 ? undefined : `${[...failed].join('\n')}\n${output.slice(-6000)}`;
    results.add(`Node ${version}`, isAll ? 'all tests' : 'a part of the tests', problem);
  }
}
