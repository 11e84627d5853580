import { execFileSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import {
  chmod,
  chown,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { StateFolder } from '../../src/cli/state-folder.js';
import type { TransferState } from '../../src/client/index.js';
import { run, start, temporaryFolder } from '../support/cli/commands.js';
import { ROOT } from '../support/process/built.js';

/* State folders with files of other users, and with files of other kinds. */

const MAILBOX = 'https://relay.example/v1/m/2ba7b0e6-519b-41ec-bf63-0242ac130002';
const DAY_MS = 86_400_000;
/** Only root can give a file to another user. */
const isRoot = process.getuid?.() === 0;
const NOBODY = 65_534;

let root: Awaited<ReturnType<typeof temporaryFolder>>;
let device: string;
let folder: string;
let warnings: string[];
let count = 0;

beforeAll(async () => {
  root = await temporaryFolder();
  if (isRoot) return;
  await mkdir(join(ROOT, '.cache'), { recursive: true });
  appendFileSync(join(ROOT, '.cache', 'not-exercised.txt'), 'state folders of another user: only root can make one\n');
});
afterAll(() => root.remove());
beforeEach(async () => {
  count += 1;
  device = join(root.path, `device-${count}`);
  folder = join(device, 'state');
  warnings = [];
  await mkdir(folder, { recursive: true, mode: 0o700 });
});

const states = () => new StateFolder(folder, {}, (words) => warnings.push(words));

function stateOf(changes: Partial<TransferState> = {}): TransferState {
  const [id, claim] = [crypto.randomUUID(), crypto.randomUUID()];
  const made: TransferState = { format: 1, id, role: 'receiver', claim, secret: 's', bound: false, seen: [] };
  return { ...made, mailboxUrl: MAILBOX, ...changes };
}

const nameOf = ({ role, id }: TransferState): string => `${role}-${id}.json`;
const fileOf = (state: TransferState): string => join(folder, nameOf(state));
const fifo = (path: string): void => void execFileSync('sh', ['-c', 'mkfifo "$0"', path]);

describe('a folder', () => {
  it('a folder with states only is closed to other users', async () => {
    await states().save(stateOf());
    await chmod(folder, 0o777);
    await states().sweep();
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
  });

  it.each([0o777, 0o775, 0o1777])(
    'a folder with other files that other users can write to is refused: mode %o',
    async (mode) => {
      await writeFile(join(folder, 'other'), '');
      await chmod(folder, mode);
      const words = /^--state \(or RELAY_STATE\): other users can write to the folder.*chmod go-w/;
      await expect(states().sweep()).rejects.toThrow(words);
      await expect(states().find('receiver', MAILBOX)).rejects.toThrow(words);
      await expect(states().save(stateOf())).rejects.toThrow(words);
      await expect(states().lock('receiver', MAILBOX)).rejects.toThrow(words);
      expect(await readdir(folder)).toEqual(['other']);
    },
  );

  it('a path that is not a folder is refused without its name', async () => {
    await writeFile(join(device, 'file'), '');
    const { code, err } = await run(device, ['cancel', MAILBOX, '--state', join(device, 'file')]);
    expect([code, err]).toEqual([
      1,
      'credential-relay: --state (or RELAY_STATE): is not a folder. Its files may come from another user. Nothing was sent.\n',
    ]);
  });

  it.runIf(isRoot)(
    'a folder of another user, and a link of another user to a folder of this user, are refused',
    async () => {
      const theirs = join(device, 'theirs');
      await mkdir(theirs);
      await chown(theirs, NOBODY, NOBODY);
      await symlink(folder, join(device, 'link'));
      const { lchown } = await import('node:fs/promises');
      await lchown(join(device, 'link'), NOBODY, NOBODY);
      for (const path of [theirs, join(device, 'link')]) {
        await expect(new StateFolder(path, {}).save(stateOf())).rejects.toThrow(/belongs to another user/);
      }
      expect([await readdir(theirs), await readdir(folder)]).toEqual([[], []]);
    },
  );

  it('a folder behind a link of this user is used', async () => {
    await symlink(folder, join(device, 'link'));
    const state = stateOf();
    await new StateFolder(join(device, 'link'), {}).save(state);
    expect(await states().find('receiver', MAILBOX)).toEqual(state);
  });
});

describe('a file that is not used', () => {
  it.each([
    ['other users can write to it', (path: string) => chmod(path, 0o666)],
    [
      'it is not a regular file',
      (path: string) => rename(path, `${path}.real`).then(() => symlink(`${path}.real`, path)),
    ],
    ['it is too large', (path: string) => truncate(path, 16 * 1024 * 1024 + 1)],
    ...(isRoot ? [['it belongs to another user', (path: string) => chown(path, NOBODY, NOBODY)] as const] : []),
  ] as const)('a file is not used, and a warning names the reason: %s', async (why, change) => {
    const state = stateOf();
    await states().save(state);
    await change(fileOf(state));
    const all = states();
    await all.sweep();
    expect(await all.find('receiver', MAILBOX)).toBeUndefined();
    expect(warnings).toEqual([`${nameOf(state)} in the state folder is not used: ${why}.`]);
  });

  it('a named pipe is not used, and does not block a command or its signals', async () => {
    const state = stateOf();
    fifo(fileOf(state));
    fifo(join(folder, `receiver-${'a'.repeat(32)}.1-0a1b2c3d.lock`));
    const { code, err } = await run(device, ['wait', MAILBOX]);
    expect(code).toBe(1);
    expect(err).toContain(`${nameOf(state)} in the state folder is not used: it is not a regular file.`);
    const sending = start(device, ['send', '-', '--relay', 'http://127.0.0.1:9'], 'open');
    await sending.until(/not used/);
    sending.child.kill('SIGTERM');
    expect(await sending.ended).toBe(130);
  });
});

describe('a request of a state file', () => {
  it('a request of a state file is not sent to another relay', async () => {
    const asked: string[] = [];
    const elsewhere = createServer((request, response) => {
      asked.push(request.url ?? '');
      response.end();
    }).listen(0, '127.0.0.1');
    try {
      await new Promise((resolve) => elsewhere.once('listening', resolve));
      const { port } = elsewhere.address() as AddressInfo;
      const link = 'http://127.0.0.1:9/v1/m/2ba7b0e6-519b-41ec-bf63-0242ac130002';
      const secret = `${'A'.repeat(22)}==`;
      for (const role of ['receiver', 'sender'] as const) {
        const pending = {
          operation: role === 'sender' ? 'delete' : 'update',
          url: `http://127.0.0.1:${port}/v1/m/2ba7b0e6-519b-41ec-bf63-0242ac130002`,
          requestId: crypto.randomUUID(),
          body: '{}',
        } as const;
        await states().save(stateOf({ role, mailboxUrl: link, secret, pending }));
        const args = role === 'sender' ? ['cancel', link] : ['receive', `${link}#${secret}`, '--allow', '127.0.0.1:9'];
        const { code, err } = await run(device, args);
        expect([code, err]).toEqual([
          3,
          expect.stringMatching(/Nothing was sent: the link leads to a relay that is not allowed/),
        ]);
      }
      expect(asked).toEqual([]);
    } finally {
      elsewhere.close();
    }
  });
});

describe('a lock file', () => {
  /** A path for a lock file of this mailbox and of the process `pid`. */
  async function lockPath(pid = process.pid): Promise<string> {
    const lock = await states().lock('receiver', MAILBOX);
    const [name = ''] = await readdir(folder);
    await lock.release();
    return join(folder, name.replace(/\.\d+-/, `.${pid}-`));
  }

  it.each(['{', '/etc/passwd', '7', 'null', 'x'.repeat(5000)])(
    'a lock file of a live process blocks with any content: %j',
    async (text) => {
      const path = await lockPath(process.ppid);
      await writeFile(path, text, { mode: 0o600 });
      const { code, err } = await run(device, ['receive', `${MAILBOX}#${'A'.repeat(22)}==`]);
      expect([code, err]).toEqual([1, `credential-relay: Process ${process.ppid} already uses this link.\n`]);
      await rm(path);
      await (await states().lock('receiver', MAILBOX)).release();
    },
  );

  it('a lock file with a time in the future gets the present time', async () => {
    const path = await lockPath(process.ppid);
    await writeFile(path, '{}', { mode: 0o600 });
    await utimes(path, new Date('9999-01-01T00:00:00Z'), new Date('9999-01-01T00:00:00Z'));
    await expect(states().lock('receiver', MAILBOX)).rejects.toMatchObject({ code: 'busy' });
    expect((await stat(path)).mtimeMs).toBeLessThan(Date.now() + 1000);
  });

  it.each([
    ['a named pipe', fifo],
    ['a folder', (path: string) => mkdir(path)],
    ['a link', (path: string) => symlink('/etc/passwd', path)],
  ])('a lock file that is %s is refused by its name, and stays', async (_, make) => {
    await make(await lockPath(process.ppid));
    await expect(states().lock('receiver', MAILBOX)).rejects.toThrow(
      /^receiver-[0-9a-f]{32}\.\d+-[0-9a-f]{8}\.lock in the state folder is not a lock of this command: .*\. Remove it\.$/,
    );
    await states().sweep();
    expect(await readdir(folder)).toHaveLength(1);
  });
});

describe('an old file', () => {
  it.each([
    ['an expiration of the year 9999', { expiration: '9999-12-31T23:59:59Z' }, 367],
    ['an end of the year 9999', { until: Date.parse('9999-12-31T23:59:59Z') }, 367],
    ['an end beyond all numbers', { until: 1e300 }, 367],
    ['an expiration that is no time', { expiration: 'x' }, 31],
    ['another format', { format: 2 }, 31],
  ])('an old file is deleted after a bounded time in spite of %s', async (_, changes, days) => {
    const state = stateOf();
    await states().save(state);
    const text = await readFile(fileOf(state), 'utf8');
    await writeFile(fileOf(state), JSON.stringify({ ...JSON.parse(text), ...changes }));
    const at = (age: number): Date => new Date(Date.now() - age * DAY_MS);
    await utimes(fileOf(state), at(days - 2), at(days - 2));
    await states().sweep();
    expect(await readdir(folder)).toHaveLength(1);
    await utimes(fileOf(state), at(days), at(days));
    await states().sweep();
    expect(await readdir(folder)).toEqual([]);
  });

  it('a file with a time in the future gets the present time', async () => {
    const state = stateOf({ expiration: '9999-12-31T23:59:59Z' });
    await states().save(state);
    await utimes(fileOf(state), new Date('9999-01-01T00:00:00Z'), new Date('9999-01-01T00:00:00Z'));
    await states().sweep();
    expect((await stat(fileOf(state))).mtimeMs).toBeLessThan(Date.now() + 1000);
  });
});
