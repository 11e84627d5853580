import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PROGRAMS = fileURLToPath(new URL('programs', import.meta.url));

/** @type {string[]} */
const folders = [];

/** Makes an empty folder outside of the project; {@link cleanUp} removes it. */
export async function makeFolder(/** @type {string} */ name) {
  const folder = await mkdtemp(join(tmpdir(), `relay-matrix-${name}-`));
  folders.push(folder);
  return folder;
}

export async function cleanUp() {
  if (process.env.KEEP) console.log(`kept: ${folders.join(' ')}`);
  else await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })));
}

/**
 * Runs a command and returns its outcome; it never rejects. Kills the command with its children after `ms`.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: Record<string, string | undefined>, ms?: number }} [options]
 * @returns {Promise<{ status: number | null, output: string }>}
 */
export async function run(command, args, { cwd = ROOT, env = {}, ms = 300_000 } = {}) {
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text));
  const timer = setTimeout(() => {
    output += `\nno end within ${ms} ms`;
    process.kill(-(child.pid ?? 0), 'SIGKILL');
  }, ms);
  const [status] = await Promise.race([once(child, 'close'), once(child, 'error').then(([error]) => [String(error)])]);
  clearTimeout(timer);
  return { status, output };
}

/** Runs a command that has to succeed. */
export async function must(/** @type {string} */ command, /** @type {string[]} */ args, options = {}) {
  const { status, output } = await run(command, args, options);
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${status}\n${output.slice(-3000)}`);
  return output;
}

/** @type {Promise<string> | undefined} */
let tarball;

/** Builds and packs the package once, and returns the path of the tarball. */
export function packPackage() {
  tarball ??= (async () => {
    const folder = await makeFolder('tarball');
    await must('npm', ['run', '--silent', 'build']);
    const packed = await must('npm', ['pack', '--silent', '--pack-destination', folder]);
    return join(folder, basename(packed.trim().split('\n').at(-1) ?? ''));
  })();
  return tarball;
}

/**
 * Makes a project with the packed package and other packages of the registry.
 *
 * @param {string} name
 * @param {string[]} packages - Such as `pg` or `jest@29`.
 * @param {object} [manifest] - Further members of its package.json.
 */
export async function makeProject(name, packages, manifest = {}) {
  const folder = await makeFolder(name);
  await write(folder, 'package.json', JSON.stringify({ name: `matrix-${name}`, private: true, ...manifest }));
  await must('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', await packPackage(), ...packages], {
    cwd: folder,
  });
  return folder;
}

/** Writes a file, with the folders above it. */
export async function write(/** @type {string} */ folder, /** @type {string} */ path, /** @type {string} */ text) {
  await mkdir(dirname(join(folder, path)), { recursive: true });
  await writeFile(join(folder, path), text);
}

/** Copies the transfer into a project. `path` ends in `.js`, or in another ending that the project needs. */
export async function copyTransfer(/** @type {string} */ folder, path = 'transfer.js') {
  await mkdir(dirname(join(folder, path)), { recursive: true });
  await copyFile(join(PROGRAMS, 'transfer.js'), join(folder, path));
}

/** The version of a package that a project has. */
export async function readVersion(/** @type {string} */ folder, /** @type {string} */ name) {
  return JSON.parse(await readFile(join(folder, 'node_modules', name, 'package.json'), 'utf8')).version;
}

/** Starts Redis and Postgres, with the code of the tests, and returns the environment for the programs. */
export async function startServers() {
  const outfile = join(ROOT, '.cache/matrix/build/servers.mjs');
  await build({
    stdin: {
      contents: `export { startRedis } from './test/support/redis/server.ts';
        export { startPostgres } from './test/support/postgres/server.ts';`,
      resolveDir: ROOT,
    },
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
  });
  const { startRedis, startPostgres } = await import(pathToFileURL(outfile).href);
  const [redis, postgres] = await Promise.all([startRedis(), startPostgres()]);
  const folder = await makeFolder('sqlite');
  return {
    env: { REDIS_URL: redis.url, POSTGRES_URL: postgres.url, SQLITE_FILE: join(folder, 'relay.db') },
    close: () => Promise.all([redis.close(), postgres.close()]),
  };
}

/** The results of a part of the matrix. */
export class Results {
  /** @type {{ row: string, column: string, problem: string | undefined }[]} */
  #cells = [];

  /** @param {string} row @param {string} column @param {string} [problem] - What failed; none means passed. */
  add(row, column, problem) {
    this.#cells.push({ row, column, problem });
    console.log(`  ${problem === undefined ? 'ok    ' : 'FAILED'} ${row} | ${column}${problem ? `: ${problem}` : ''}`);
  }

  /** Prints a table and returns true if every cell passed. */
  print() {
    const columns = [...new Set(this.#cells.map(({ column }) => column))];
    const rows = [...new Set(this.#cells.map(({ row }) => row))];
    const mark = (/** @type {string} */ row, /** @type {string} */ column) => {
      const cell = this.#cells.find((each) => each.row === row && each.column === column);
      return cell === undefined ? '' : cell.problem === undefined ? 'ok' : 'FAILED';
    };
    console.log(`\n| | ${columns.join(' | ')} |\n|${' --- |'.repeat(columns.length + 1)}`);
    for (const row of rows) console.log(`| ${row} | ${columns.map((column) => mark(row, column)).join(' | ')} |`);
    return this.#cells.length > 0 && this.#cells.every(({ problem }) => problem === undefined);
  }
}

/** The end of an output that tells why a step failed; `undefined` if the step printed `whole`. */
export function judge(/** @type {{ output: string }} */ { output }) {
  return /^whole$/m.test(output) ? undefined : output.trim().slice(-700) || 'no output';
}
