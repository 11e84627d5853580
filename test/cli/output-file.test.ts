import { execFileSync } from 'node:child_process';
import { chmod, lstat, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openTarget, type Target, type TargetOptions } from '../../src/cli/output-file.js';
import { temporaryFolder } from '../support/cli/commands.js';

/* Where the bytes of a share go. */

const BYTES = Buffer.from('words');

let root: Awaited<ReturnType<typeof temporaryFolder>>;
let folder: string;
let count = 0;

beforeAll(async () => {
  root = await temporaryFolder();
});
afterAll(() => root.remove());
beforeEach(async () => {
  count += 1;
  folder = join(root.path, `target-${count}`);
  await mkdir(folder);
});

interface Opened {
  readonly options: TargetOptions;
  readonly written: Buffer[];
  readonly drafts: string[];
  readonly waits: string[];
}

function optionsOf(changes: Partial<TargetOptions> = {}, isTTY = false): Opened {
  const [written, drafts, waits]: [Buffer[], string[], string[]] = [[], [], []];
  const output = {
    isTTY,
    isBehind: false,
    write: async (chunk: string | Uint8Array) => void written.push(Buffer.from(chunk)),
    flushed: async () => {},
  };
  const onDraft = async (path: string): Promise<void> => void drafts.push(path);
  const onWait = (): void => void waits.push('waits');
  const { signal } = new AbortController();
  return { options: { force: false, output, signal, onDraft, onWait, ...changes }, written, drafts, waits };
}

async function put(target: Target, bytes: Uint8Array = BYTES): Promise<void> {
  try {
    await target.put(bytes);
  } finally {
    await target.close();
  }
}

describe('a file', () => {
  it('is there, whole, for this user alone, once the bytes are put, and not before; its draft is told of', async () => {
    const [out, { options, drafts }] = [join(folder, 'out'), optionsOf()];
    // What is told of it must hold for a process in another folder.
    const target = await openTarget(relative('.', out), options);
    expect((await readdir(folder)).map((name) => join(folder, name))).toEqual(drafts);
    await put(target);
    expect(await readdir(folder)).toEqual(['out']);
    expect(await readFile(out)).toEqual(BYTES);
    expect((await stat(out)).mode & 0o777).toBe(0o600);
    expect(target.path).toBe(relative('.', out));
  });

  it('of which nothing came leaves nothing', async () => {
    await (await openTarget(join(folder, 'out'), optionsOf().options)).close();
    expect(await readdir(folder)).toEqual([]);
  });

  it('that is there already is left alone, and with --force replaced, with the mode that it had', async () => {
    const out = join(folder, 'out');
    await writeFile(out, 'mine');
    await chmod(out, 0o644);
    await expect(openTarget(out, optionsOf().options)).rejects.toMatchObject({
      exitCode: 1,
      message: expect.stringContaining('--force replaces it'),
    });
    expect(await readdir(folder)).toEqual(['out']);
    await put(await openTarget(out, optionsOf({ force: true }).options));
    expect(await readFile(out)).toEqual(BYTES);
    expect((await stat(out)).mode & 0o777).toBe(0o644);
  });

  it('that comes to be meanwhile is not written over', async () => {
    const out = join(folder, 'out');
    const target = await openTarget(out, optionsOf().options);
    await writeFile(out, 'mine');
    await expect(put(target)).rejects.toMatchObject({ exitCode: 1 });
    expect(await readFile(out, 'utf8')).toBe('mine');
    expect(await readdir(folder)).toEqual(['out']);
  });

  it('behind symbolic links is written, and the links stay', async () => {
    await mkdir(join(folder, 'real'));
    const [there, absent] = [join(folder, 'real', 'there'), join(folder, 'real', 'absent')];
    await writeFile(there, 'mine');
    await symlink('real/there', join(folder, 'a'));
    await symlink('real/absent', join(folder, 'c'));
    await symlink('c', join(folder, 'b'));
    await expect(openTarget(join(folder, 'a'), optionsOf().options)).rejects.toMatchObject({ exitCode: 1 });
    await put(await openTarget(join(folder, 'a'), optionsOf({ force: true }).options));
    await put(await openTarget(join(folder, 'b'), optionsOf().options));
    for (const path of [there, absent]) expect(await readFile(path)).toEqual(BYTES);
    for (const name of ['a', 'b', 'c']) expect((await lstat(join(folder, name))).isSymbolicLink()).toBe(true);
    expect((await readdir(join(folder, 'real'))).sort()).toEqual(['absent', 'there']);
  });

  it('takes away the drafts of processes that were killed, and no others', async () => {
    const dead = Number(execFileSync('sh', ['-c', 'echo $$']).toString());
    await writeFile(join(folder, `.credential-relay.${dead}-00.part`), 'half');
    await writeFile(join(folder, `.credential-relay.${process.ppid}-00.part`), 'half');
    await put(await openTarget(join(folder, 'out'), optionsOf().options));
    expect((await readdir(folder)).sort()).toEqual([`.credential-relay.${process.ppid}-00.part`, 'out']);
  });

  it.each(['', 'folder', 'none/', 'none/out'])('nothing is opened for %j', async (name) => {
    await mkdir(join(folder, 'folder'));
    await expect(openTarget(name === '' ? '' : `${folder}/${name}`, optionsOf().options)).rejects.toThrow();
    expect(await readdir(folder)).toEqual(['folder']);
  });
});

describe('what is no file', () => {
  it('a named pipe: waits for a reader, and then gives it the bytes', async () => {
    const pipe = join(folder, 'pipe');
    execFileSync('sh', ['-c', 'mkfifo "$0"', pipe]);
    const { options, waits } = optionsOf();
    const opening = openTarget(pipe, options);
    await expect.poll(() => waits).toEqual(['waits']);
    const reading = readFile(pipe);
    await put(await opening);
    expect(await reading).toEqual(BYTES);
    expect((await stat(pipe)).isFIFO()).toBe(true);
  });

  it('a named pipe that nobody reads can be interrupted', async () => {
    const pipe = join(folder, 'pipe');
    execFileSync('sh', ['-c', 'mkfifo "$0"', pipe]);
    const controller = new AbortController();
    const opening = openTarget(pipe, optionsOf({ signal: controller.signal }).options);
    await Promise.all([expect(opening).rejects.toThrow(), pause(10).then(() => controller.abort())]);
  });

  it('a device is written to as it is', async () => {
    await symlink('/dev/null', join(folder, 'null'));
    await put(await openTarget(join(folder, 'null'), optionsOf().options));
    expect((await stat('/dev/null')).isCharacterDevice()).toBe(true);
    expect(await readdir(folder)).toEqual(['null']);
    await rm(join(folder, 'null'));
    await expect(openTarget('/dev/full', optionsOf().options).then(put)).rejects.toThrow(/ENOSPC/);
  });
});

describe('standard output', () => {
  it.each([undefined, '-', '/dev/stdout'])('is meant by %j', async (out) => {
    const { options, written } = optionsOf();
    await put(await openTarget(out, options), Buffer.from('\u001b[2J'));
    expect(Buffer.concat(written).toString()).toBe('\u001b[2J');
  });

  it('that is a terminal gets plain text, and nothing else', async () => {
    const { options, written } = optionsOf({}, true);
    await put(await openTarget(undefined, options));
    await expect(openTarget(undefined, options).then((target) => put(target, Buffer.of(27)))).rejects.toMatchObject({
      exitCode: 1,
      message: expect.stringContaining('--out FILE'),
    });
    expect(Buffer.concat(written)).toEqual(BYTES);
  });
});
