import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { StateFolder } from '../../src/cli/state-folder.js';
import type { TransferState } from '../../src/client/index.js';
import { temporaryFolder } from '../support/cli/commands.js';

/* Shares in progress, in files. */

const MAILBOX = 'https://relay.example/v1/m/2ba7b0e6-519b-41ec-bf63-0242ac130002';
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

let root: Awaited<ReturnType<typeof temporaryFolder>>;
let folder: string;
let count = 0;
/** The identifier of a process that has ended. */
let dead: number;

beforeAll(async () => {
  root = await temporaryFolder();
  const child = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
  await once(child, 'close');
  dead = child.pid ?? 0;
});
afterAll(() => root.remove());
beforeEach(() => {
  count += 1;
  folder = join(root.path, `state-${count}`);
});

function stateOf(changes: Partial<TransferState> = {}): TransferState {
  const [id, claim] = [crypto.randomUUID(), crypto.randomUUID()];
  const made: TransferState = { format: 1, id, role: 'receiver', claim, secret: 's', bound: false, seen: [] };
  return { ...made, mailboxUrl: MAILBOX, ...changes };
}

const fileOf = ({ role, id }: TransferState): string => join(folder, `${role}-${id}.json`);
const inFuture = (ms: number): string => `${new Date(Date.now() + ms).toISOString().slice(0, 19)}Z`;

async function rewrite(state: TransferState, changes: object): Promise<void> {
  const file = fileOf(state);
  await writeFile(file, JSON.stringify({ ...JSON.parse(await readFile(file, 'utf8')), ...changes }));
}

describe('save and find', () => {
  it('find returns a saved state; file and folder are private', async () => {
    const states = new StateFolder(folder);
    const state = stateOf({ version: '7' });
    await states.save(state);
    expect(await states.find('receiver', MAILBOX)).toEqual(state);
    expect(await states.find('sender', MAILBOX)).toBeUndefined();
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    expect((await stat(fileOf(state))).mode & 0o777).toBe(0o600);
    await states.save({ ...state, ended: 'finished' });
    expect(await readdir(folder)).toEqual([]);
  });

  it('find prefers the bound claim of a mailbox', async () => {
    const states = new StateFolder(folder);
    const bound = stateOf({ bound: true });
    await states.save(bound);
    for (let others = 0; others < 5; others += 1) await states.save(stateOf());
    expect(await states.find('receiver', MAILBOX)).toEqual(bound);
  });

  it('save closes a folder with states only, and leaves the mode of other folders', async () => {
    await mkdir(folder);
    await chmod(folder, 0o755);
    await new StateFolder(folder).find('receiver', MAILBOX);
    expect((await stat(folder)).mode & 0o777).toBe(0o755); // An empty folder without a write.
    await new StateFolder(folder).save(stateOf());
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    await chmod(folder, 0o755);
    await writeFile(join(folder, 'index.html'), '');
    await new StateFolder(folder).save(stateOf());
    expect((await stat(folder)).mode & 0o777).toBe(0o755);
  });

  it('save leaves no draft if it fails', async () => {
    const state = stateOf();
    await mkdir(fileOf(state), { recursive: true });
    await expect(new StateFolder(folder).save(state)).rejects.toThrow();
    expect(await readdir(folder)).toEqual([`receiver-${state.id}.json`]);
  });
});

describe('files without a valid state', () => {
  it.each(['null', '7', '[]', '{"format":2}', '{"format":1,"role":"receiver"}'])(
    'other JSON stays, and does not hide a state: %s',
    async (text) => {
      const [states, state, broken] = [new StateFolder(folder), stateOf(), stateOf()];
      await states.save(state);
      await writeFile(fileOf(broken), text);
      await states.sweep();
      expect(await states.find('receiver', MAILBOX)).toEqual(state);
      expect(await readFile(fileOf(broken), 'utf8')).toBe(text);
    },
  );

  it('a state with a damaged claim is ignored', async () => {
    const [states, broken] = [new StateFolder(folder), stateOf()];
    await states.save(broken);
    await rewrite(broken, { claim: 7 });
    expect(await states.find('receiver', MAILBOX)).toBeUndefined();
  });

  it('sweep deletes text that is not JSON, and keeps unreadable files', async () => {
    const [states, broken, unreadable] = [new StateFolder(folder), stateOf(), stateOf()];
    await mkdir(fileOf(unreadable), { recursive: true });
    await writeFile(fileOf(broken), '{"format":1,');
    await states.sweep();
    expect(await readdir(folder)).toEqual([`receiver-${unreadable.id}.json`]);
  });
});

describe('sweep', () => {
  it('sweep deletes a state one day after its expiration or expected end', async () => {
    const states = new StateFolder(folder);
    const kept = [stateOf({ expiration: inFuture(-DAY_MS + HOUR_MS) }), stateOf({ role: 'sender' }), stateOf()];
    const over = [stateOf({ expiration: inFuture(-DAY_MS - HOUR_MS) }), stateOf({ role: 'sender' })];
    for (const state of [...kept, ...over]) await states.save(state);
    await rewrite(over[1] as TransferState, { until: Date.now() - DAY_MS - HOUR_MS });
    await states.sweep();
    expect((await readdir(folder)).sort()).toEqual(kept.map(({ role, id }) => `${role}-${id}.json`).sort());
  });

  it.each([
    ['48 hours', undefined, 48 * HOUR_MS],
    ['the time of --expires', 7200, 2 * HOUR_MS],
  ])('a share without an expiration has an expected end after %s, also after another save', async (_, expires, ms) => {
    const states = new StateFolder(folder);
    if (expires !== undefined) states.setLifetime(expires);
    const state = stateOf({ role: 'sender' });
    await states.save(state);
    const { until } = JSON.parse(await readFile(fileOf(state), 'utf8'));
    expect(Math.abs(until - Date.now() - ms)).toBeLessThan(60_000);
    const later = new StateFolder(folder);
    const found = await later.find('sender', MAILBOX);
    await later.save({ ...state, ...found, bound: true });
    expect(JSON.parse(await readFile(fileOf(state), 'utf8'))).toMatchObject({ until, bound: true });
  });

  it('sweep deletes drafts, locks and shares without a link of killed processes', async () => {
    const states = new StateFolder(folder);
    const [unprinted, printed] = [stateOf({ role: 'sender', mailboxUrl: undefined }), stateOf({ role: 'sender' })];
    await states.save(unprinted);
    await states.save(printed);
    await states.sweep();
    expect(await readdir(folder)).toHaveLength(2);
    await rewrite(unprinted, { writer: dead });
    await rewrite(printed, { writer: dead });
    const draft = join(root.path, `.credential-relay.${dead}-0a1b2c3d.part`);
    const innocent = join(root.path, 'innocent.part');
    await writeFile(draft, 'half a file');
    await writeFile(innocent, 'not ours');
    await writeFile(`${fileOf(printed)}.${dead}`, '');
    await writeFile(`${fileOf(printed)}.${dead}-0a1b2c3d`, '');
    await writeFile(`${fileOf(printed)}.${process.pid}-0a1b2c3d`, '');
    await writeFile(join(folder, `receiver-${'a'.repeat(32)}.${dead}-0a1b2c3d.lock`), draft);
    const other = join(folder, `receiver-${'b'.repeat(32)}.${dead}-0a1b2c3d.lock`);
    await writeFile(other, innocent);
    await states.sweep();
    expect((await readdir(folder)).sort()).toEqual([
      `sender-${printed.id}.json`,
      `sender-${printed.id}.json.${process.pid}-0a1b2c3d`,
    ]);
    expect((await readdir(root.path)).filter((name) => name.endsWith('.part'))).toEqual(['innocent.part']);
  });
});

describe('a lock', () => {
  const busy = (pid: number) => ({ exitCode: 1, code: 'busy', message: `Process ${pid} already uses this link.` });

  /** Writes a lock file for the receiver of the mailbox, as another process writes one. */
  async function plantLock(states: StateFolder, pid: number, text: string, suffix = '0a1b2c3d'): Promise<string> {
    const lock = await states.lock('receiver', MAILBOX);
    const [name = ''] = (await readdir(folder)).filter((file) => file.endsWith('.lock'));
    await lock.release();
    const path = join(folder, name.replace(/\.\d+-[0-9a-f]+\.lock$/, `.${pid}-${suffix}.lock`));
    await writeFile(path, text, { mode: 0o600 });
    return path;
  }

  it('a lock has one holder per mailbox and role', async () => {
    const states = new StateFolder(folder);
    const lock = await states.lock('receiver', MAILBOX);
    await expect(states.lock('receiver', MAILBOX)).rejects.toMatchObject(busy(process.pid));
    for (const [role, url] of [
      ['sender', MAILBOX],
      ['receiver', `${MAILBOX}3`],
    ] as const) {
      await (await states.lock(role, url)).release();
    }
    await lock.release();
    await (await states.lock('receiver', MAILBOX)).release();
    expect(await readdir(folder)).toEqual([]);
  });

  it('a lock of a dead process does not block, and one of several contenders acquires the lock', async () => {
    await plantLock(new StateFolder(folder), dead, '{}');
    const contenders = Array.from({ length: 8 }, () => new StateFolder(folder).lock('receiver', MAILBOX));
    const results = await Promise.allSettled(contenders);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('a lock of a live process blocks, unless the lock is older than the last start of the machine', async () => {
    const states = new StateFolder(folder);
    const path = await plantLock(states, process.ppid, '{}');
    await expect(states.lock('receiver', MAILBOX)).rejects.toMatchObject(busy(process.ppid));
    await utimes(path, 1000, 1000);
    await (await states.lock('receiver', MAILBOX)).release();
  });

  it('a lock of a process that never finishes its start blocks after two seconds', async () => {
    const states = new StateFolder(folder);
    // Sorts after every file of this process, so this process waits for the other process.
    await plantLock(states, 99_999_999, '', 'ffffffff');
    await (await states.lock('receiver', MAILBOX)).release();
    await plantLock(states, process.ppid, '', 'ffffffff');
    const started = performance.now();
    await expect(states.lock('receiver', MAILBOX)).rejects.toMatchObject(busy(process.ppid));
    expect(performance.now() - started).toBeLessThan(5000);
  });
});
