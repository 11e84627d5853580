/** The command and the package in processes that lack a home folder, or a recent Node. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BIN, ROOT } from '../support/process/built.js';

const LINK = 'http://127.0.0.1:9/v1/m/2ba7b0e6-519b-41ec-bf63-0242ac130002#AAAAAAAAAAAAAAAAAAAAAA==';
const NO_HOME = '--state: this user has no home folder; give a folder by --state DIR, or by RELAY_STATE';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'relay-environment-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const importing = (code: string): string[] => ['--import', `data:text/javascript,${encodeURIComponent(code)}`];

/** What node:os does for a user without HOME and without an entry in the system's list of users. */
const WITHOUT_HOME = importing(`
  import os from 'node:os';
  import { syncBuiltinESMExports } from 'node:module';
  os.homedir = () => { throw new Error('A system error occurred: uv_os_homedir returned ENOENT (no such file or directory)'); };
  syncBuiltinESMExports();
`);

/** Node 18: another version, and no \`hash\`. */
const NODE_18 = importing(`
  import crypto from 'node:crypto';
  import { syncBuiltinESMExports } from 'node:module';
  Object.defineProperty(process.versions, 'node', { value: '18.20.8' });
  delete crypto.hash;
  syncBuiltinESMExports();
`);

function run(nodeArgs: readonly string[], args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...nodeArgs, ...args], { env, encoding: 'utf8' });
  return { status, stdout, stderr };
}

describe('without a home folder', () => {
  test('the command names the option for its state', () => {
    const { status, stderr } = run(WITHOUT_HOME, [BIN, 'wait', LINK, '--retry-timeout', '1s']);
    expect({ status, stderr }).toEqual({ status: 2, stderr: `credential-relay: ${NO_HOME}\n` });
  });

  test('an empty HOME is no home either', () => {
    const { status, stderr } = run([], [BIN, 'wait', LINK, '--retry-timeout', '1s'], { HOME: '' });
    expect({ status, stderr }).toEqual({ status: 2, stderr: `credential-relay: ${NO_HOME}\n` });
  });

  test.each([
    ['--state', ['--state', 'DIR'], {}],
    ['RELAY_STATE', [], { RELAY_STATE: 'DIR' }],
    ['XDG_STATE_HOME', [], { XDG_STATE_HOME: 'DIR' }],
  ])('the command works with %s', (_name, args, env) => {
    const set = <Value>(value: Value): Value => JSON.parse(JSON.stringify(value).replaceAll('DIR', folder));
    const call = [BIN, 'wait', LINK, '--retry-timeout', '1s', ...set(args)];
    const { status, stderr } = run(WITHOUT_HOME, call, set(env as NodeJS.ProcessEnv));
    // The next problem: this device has no such share.
    expect(stderr).not.toContain('home');
    expect(status).not.toBe(0);
  });

  test.each(['demo', 'keygen', '--help', '--version'])('%s needs none', (command) => {
    expect(run(WITHOUT_HOME, [BIN, command])).toMatchObject({ status: 0, stderr: '' });
  });
});

describe('on a Node below the minimum', () => {
  test('the command names the version that is needed', () => {
    expect(run(NODE_18, [BIN, '--version'])).toEqual({
      status: 1,
      stdout: '',
      stderr: 'credential-relay: needs Node 20.19 or newer; this is Node 18.20.8\n',
    });
  });

  test.each(['index', 'adapters/auth/oauth-bearer', 'adapters/store/postgres'])('so does dist/%s.js', (entry) => {
    const url = JSON.stringify(join(ROOT, `dist/${entry}.js`));
    const call = ['--input-type=module', '-e', `await import(${url}).catch(({ message }) => console.log(message));`];
    const { stdout } = run(NODE_18, call);
    expect(stdout).toBe('credential-relay needs Node 20.19 or newer; this is Node 18.20.8\n');
  });

  // Node 18 itself cannot link such an import, which the stand-in above does not show.
  test('no module of dist imports an export that only newer versions have', async () => {
    const names = (await readdir(join(ROOT, 'dist'), { recursive: true })).filter((name) => name.endsWith('.js'));
    expect(names.length).toBeGreaterThan(20);
    const isTooNew = async (name: string): Promise<boolean> =>
      /^import \{[^}]*\bhash\b[^}]*\} from "(?:node:)?crypto";$/m.test(
        await readFile(join(ROOT, 'dist', name), 'utf8'),
      );
    const found = await Promise.all(names.map(async (name) => ((await isTooNew(name)) ? [name] : [])));
    expect(found.flat()).toEqual([]);
  });
});
