import { execFileSync } from 'node:child_process';
import { chmod, lstat, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type OutputFile, type OutputFileOptions, openOutputFile } from '../../src/cli/files.js';
import { temporaryFolder } from '../support/cli/commands.js';

/* The output of `receive`. */

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
  folder = join(root.path, `output-${count}`);
  await mkdir(folder);
});

interface Opened {
  readonly options: OutputFileOptions;
  readonly written: Buffer[];
  readonly drafts: string[];
}

function optionsOf(changes: Partial<OutputFileOptions> = {}, isTTY = false): Opened {
  const [written, drafts]: [Buffer[], string[]] = [[], []];
  const output = {
    isTTY,
    hasBacklog: false,
    write: async (chunk: string | Uint8Array) => void written.push(Buffer.from(chunk)),
    flush: async () => {},
  };
  const onDraft = async (path: string): Promise<void> => void drafts.push(path);
  return { options: { force: false, output, onDraft, ...changes }, written, drafts };
}

async function write(file: OutputFile, bytes: Uint8Array = BYTES): Promise<void> {
  try {
    await file.write(bytes);
  } finally {
    await file.close();
  }
}

describe('a file', () => {
  it('a file appears complete, with mode 0600, after the write; the path of its draft is recorded', async () => {
    const [out, { options, drafts }] = [join(folder, 'out'), optionsOf()];
    // A process in another folder must find the draft.
    const file = await openOutputFile(relative('.', out), options);
    expect((await readdir(folder)).map((name) => join(folder, name))).toEqual(drafts);
    await write(file);
    expect(await readdir(folder)).toEqual(['out']);
    expect(await readFile(out)).toEqual(BYTES);
    expect((await stat(out)).mode & 0o777).toBe(0o600);
    expect(file.path).toBe(relative('.', out));
  });

  it('a file without a write leaves no draft', async () => {
    await (await openOutputFile(join(folder, 'out'), optionsOf().options)).close();
    expect(await readdir(folder)).toEqual([]);
  });

  it('an existing file stays; with --force it is replaced and keeps its mode', async () => {
    const out = join(folder, 'out');
    await writeFile(out, 'mine');
    await chmod(out, 0o644);
    await expect(openOutputFile(out, optionsOf().options)).rejects.toMatchObject({
      exitCode: 1,
      message: expect.stringContaining('--force replaces it'),
    });
    expect(await readdir(folder)).toEqual(['out']);
    await write(await openOutputFile(out, optionsOf({ force: true }).options));
    expect(await readFile(out)).toEqual(BYTES);
    expect((await stat(out)).mode & 0o777).toBe(0o644);
  });

  it('a file that another process creates meanwhile stays', async () => {
    const out = join(folder, 'out');
    const file = await openOutputFile(out, optionsOf().options);
    await writeFile(out, 'mine');
    await expect(write(file)).rejects.toMatchObject({ exitCode: 1 });
    expect(await readFile(out, 'utf8')).toBe('mine');
    expect(await readdir(folder)).toEqual(['out']);
  });

  it('a file behind a symbolic link is replaced with --force, and the link stays', async () => {
    await mkdir(join(folder, 'real'));
    const file = join(folder, 'real', 'file');
    await writeFile(file, 'mine');
    await symlink('real/file', join(folder, 'link'));
    await expect(openOutputFile(join(folder, 'link'), optionsOf().options)).rejects.toMatchObject({ exitCode: 1 });
    await write(await openOutputFile(join(folder, 'link'), optionsOf({ force: true }).options));
    expect(await readFile(file)).toEqual(BYTES);
    expect((await lstat(join(folder, 'link'))).isSymbolicLink()).toBe(true);
    expect(await readdir(join(folder, 'real'))).toEqual(['file']);
  });

  it.each(['', 'folder', 'none/', 'none/out'])('the path %j is refused and creates no draft', async (name) => {
    await mkdir(join(folder, 'folder'));
    await expect(openOutputFile(name === '' ? '' : `${folder}/${name}`, optionsOf().options)).rejects.toThrow();
    expect(await readdir(folder)).toEqual(['folder']);
  });
});

describe('a path that is not a regular file', () => {
  it.each([
    ['a named pipe', (path: string) => void execFileSync('sh', ['-c', 'mkfifo "$0"', path])],
    ['a link to a device', (path: string) => symlink('/dev/null', path)],
  ])('%s is refused with and without --force, and the message names --out -', async (_, create) => {
    const out = join(folder, 'out');
    await create(out);
    for (const force of [false, true]) {
      await expect(openOutputFile(out, optionsOf({ force }).options)).rejects.toMatchObject({
        exitCode: 1,
        message: '--out: is not a regular file; use --out - and redirect standard output. Nothing was opened.',
      });
    }
    expect(await readdir(folder)).toEqual(['out']);
  });

  it('a link to a missing file is refused', async () => {
    await symlink('absent', join(folder, 'out'));
    await expect(openOutputFile(join(folder, 'out'), optionsOf().options)).rejects.toMatchObject({
      exitCode: 1,
      message: '--out: is a symbolic link to a missing file. Nothing was opened.',
    });
    expect(await readdir(folder)).toEqual(['out']);
  });
});

describe('standard output', () => {
  it.each([undefined, '-', '/dev/stdout'])('standard output is the output for %j', async (out) => {
    const { options, written } = optionsOf();
    await write(await openOutputFile(out, options), Buffer.from('\u001b[2J'));
    expect(Buffer.concat(written).toString()).toBe('\u001b[2J');
  });

  it('a terminal gets plain text only', async () => {
    const { options, written } = optionsOf({}, true);
    await write(await openOutputFile(undefined, options));
    await expect(openOutputFile(undefined, options).then((file) => write(file, Buffer.of(27)))).rejects.toMatchObject({
      exitCode: 1,
      message: expect.stringContaining('--out FILE'),
    });
    expect(Buffer.concat(written)).toEqual(BYTES);
  });
});
