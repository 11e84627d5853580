import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, link, lstat, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { CommandFailure } from './errors.js';
import type { Output } from './output.js';
import { isPlainText } from './printable.js';

/** The destination of received bytes. It is open before the relay binds this device: an error binds no device. */
export interface OutputFile {
  /** `undefined` for standard output. */
  readonly path: string | undefined;
  /** Writes all bytes; a file appears complete. Throws a {@link CommandFailure}, or an error of the system. */
  write(bytes: Uint8Array): Promise<void>;
  /** Deletes the draft of a file that was not written. */
  close(): Promise<void>;
}

export interface OutputFileOptions {
  /** Whether an existing file is replaced. */
  readonly force: boolean;
  readonly output: Output;
  /** Receives the path of the draft before the draft exists. */
  readonly onDraft: (path: string) => Promise<void>;
}

/** Opens the file of `--out`, or standard output. Throws a {@link CommandFailure} unless a regular file can be written. */
export async function openOutputFile(out: string | undefined, options: OutputFileOptions): Promise<OutputFile> {
  if (out === undefined || out === '-' || out === '/dev/stdout') return toOutputFile(options.output);
  if (out === '') throw new TypeError('--out: must name a file; - is standard output');
  const existing = await stat(out).catch(ignoreMissing);
  if (existing?.isDirectory() || /[/\\]$/.test(out)) throw createFailure('is a folder. Nothing was opened.');
  const isDangling = existing === undefined && (await lstat(out).catch(ignoreMissing)) !== undefined;
  if (isDangling) throw createFailure('is a symbolic link to a missing file. Nothing was opened.');
  if (existing !== undefined && !existing.isFile()) {
    throw createFailure('is not a regular file; use --out - and redirect standard output. Nothing was opened.');
  }
  if (existing !== undefined && !options.force) {
    throw createFailure('the file exists; --force replaces it. Nothing was opened.');
  }
  const path = existing === undefined ? resolve(out) : await realpath(out);
  const draft = join(dirname(path), `.credential-relay.${process.pid}-${randomBytes(4).toString('hex')}.part`);
  await options.onDraft(draft);
  const file = await open(draft, 'wx', 0o600);
  return {
    path: out,
    async write(bytes) {
      await file.writeFile(bytes);
      if (existing !== undefined) await file.chmod(existing.mode & 0o777);
      await file.sync();
      await (options.force ? rename(draft, path) : publishNew(draft, path));
    },
    async close() {
      await file.close();
      await rm(draft, { force: true });
    },
  };
}

function toOutputFile(output: Output): OutputFile {
  return {
    path: undefined,
    async write(bytes) {
      if (output.isTTY && !isPlainText(bytes)) {
        const message =
          'The received bytes are not plain text, and this terminal could interpret them; use --out FILE.';
        throw new CommandFailure(1, 'io', message);
      }
      await output.write(bytes);
    },
    async close() {},
  };
}

/** Gives the draft its name, and never replaces a file. */
async function publishNew(draft: string, path: string): Promise<void> {
  try {
    // Some file systems have no hard links; a copy is not atomic, and replaces no file either.
    await link(draft, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') throw error;
      return copyFile(draft, path, constants.COPYFILE_EXCL);
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw createFailure('another process created the file; --force replaces it.');
  }
}

const createFailure = (problem: string): CommandFailure => new CommandFailure(1, 'io', `--out: ${problem}`);

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
