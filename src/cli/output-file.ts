import { randomBytes } from 'node:crypto';
import { constants, openSync, type Stats } from 'node:fs';
import { link, open, readdir, readlink, realpath, rename, rm, stat } from 'node:fs/promises';
import { Socket } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { addAbortSignal } from 'node:stream';
import { finished } from 'node:stream/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { isatty } from 'node:tty';
import { CommandFailure } from './errors.js';
import type { Output } from './output.js';
import { isPlainText } from './printable.js';
import { isRunning } from './processes.js';

/** Where the bytes of a share go. It is open before anything is bound: what cannot be written must not be taken. */
export interface Target {
  /** Its path; `undefined` for standard output. */
  readonly path: string | undefined;
  /** Writes all of it; a file is there, whole, when this resolves. Throws a {@link CommandFailure}, or what Node throws. */
  put(bytes: Uint8Array): Promise<void>;
  /** Closes it; nothing is left of a file that was not put. */
  close(): Promise<void>;
}

/** How a target is opened. */
export interface TargetOptions {
  /** Whether a file may be there already. */
  readonly force: boolean;
  readonly output: Output;
  readonly signal: AbortSignal;
  /** Told the path of a draft before there is one. */
  readonly onDraft: (path: string) => Promise<void>;
  /** Told when it waits for somebody to read a named pipe. */
  readonly onWait: () => void;
}

/** Most symbolic links in a row, as of Linux. */
const MOST_LINKS = 40;
/** Milliseconds between two looks at a named pipe that nobody reads. */
const PIPE_MS = 100;

/**
 * Opens what `--out` names: a new file, whatever else is there (a device, a named pipe), or for `-` standard output.
 * Throws a {@link CommandFailure} for a file that is there and may not be replaced, and for what is no file.
 */
export async function openTarget(out: string | undefined, options: TargetOptions): Promise<Target> {
  if (out === undefined || out === '-' || out === '/dev/stdout') return outputTarget(options.output);
  if (out === '') throw new TypeError('--out: must name a file; - is standard output');
  const there = await statOf(out);
  if (there?.isDirectory() || /[/\\]$/.test(out)) {
    throw new CommandFailure(1, 'io', '--out: is no file but a folder. Nothing was opened.');
  }
  if (there?.isFIFO()) return pipeTarget(out, options);
  if (there !== undefined && !there.isFile()) return deviceTarget(out);
  if (there !== undefined && !options.force) {
    throw new CommandFailure(1, 'io', '--out: the file is there already; --force replaces it. Nothing was opened.');
  }
  const path = there === undefined ? await endOfLinks(resolve(out)) : await realpath(out);
  return fileTarget(out, path, there?.mode, options);
}

function outputTarget(output: Output): Target {
  return {
    path: undefined,
    async put(bytes) {
      if (output.isTTY) demandPlain(bytes);
      await output.write(bytes);
    },
    async close() {},
  };
}

/** A file: written beside, and then put in its place, so that it is whole as soon as it is there. */
async function fileTarget(
  out: string,
  path: string,
  mode: number | undefined,
  { force, onDraft }: TargetOptions,
): Promise<Target> {
  const folder = dirname(path);
  await sweepDrafts(folder);
  const draft = join(folder, `.credential-relay.${process.pid}-${randomBytes(4).toString('hex')}.part`);
  await onDraft(draft);
  const file = await open(draft, 'wx', 0o600);
  return {
    path: out,
    async put(bytes) {
      await file.writeFile(bytes);
      if (mode !== undefined) await file.chmod(mode & 0o777);
      await file.sync();
      if (force) await rename(draft, path);
      else await linkNew(draft, path);
    },
    async close() {
      await file.close();
      await rm(draft, { force: true });
    },
  };
}

/** Gives a draft its name, unless a file of that name has come to be meanwhile. */
async function linkNew(draft: string, path: string): Promise<void> {
  try {
    await link(draft, path);
  } catch (error) {
    const isThere = (await statOf(path)) !== undefined;
    if (isThere) throw new CommandFailure(1, 'io', '--out: the file has come to be meanwhile; --force replaces it.');
    // A file system without hard links.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw error;
    await rename(draft, path);
  }
}

/** What is neither a file nor absent, nor a pipe: written to as it is. */
async function deviceTarget(out: string): Promise<Target> {
  const file = await open(out, 'w');
  return {
    path: out,
    async put(bytes) {
      if (isatty(file.fd)) demandPlain(bytes);
      await file.writeFile(bytes);
    },
    close: () => file.close(),
  };
}

/** A named pipe. To write to it as to a file would hold the process for as long as its reader takes nothing. */
async function pipeTarget(out: string, options: TargetOptions): Promise<Target> {
  const pipe = new Socket({ fd: await pipeWithReader(out, options), readable: false, writable: true });
  // What fails is told to who writes.
  pipe.on('error', () => {});
  return {
    path: out,
    async put(bytes) {
      addAbortSignal(options.signal, pipe);
      pipe.end(bytes);
      await finished(pipe, { readable: false });
    },
    async close() {
      pipe.destroy();
    },
  };
}

/** Waits until somebody reads a named pipe. To open it would do so as well, and could not be interrupted. */
async function pipeWithReader(path: string, { signal, onWait }: TargetOptions): Promise<number> {
  for (let isFirst = true; ; isFirst = false) {
    try {
      return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENXIO') throw error;
    }
    if (isFirst) onWait();
    await pause(PIPE_MS, undefined, { signal });
  }
}

/** Where a symbolic link leads to that leads to nothing yet. */
async function endOfLinks(path: string): Promise<string> {
  let end = path;
  for (let links = 0; links < MOST_LINKS; links += 1) {
    const next = await readlink(end).catch(() => undefined);
    if (next === undefined) return end;
    end = resolve(dirname(end), next);
  }
  return end;
}

/** Takes away the drafts of processes that were killed. */
async function sweepDrafts(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const pid = /^\.credential-relay\.(\d+)-[0-9a-f]+\.part$/.exec(name)?.[1];
    if (pid !== undefined && !isRunning(Number(pid))) await rm(join(folder, name), { force: true }).catch(() => {});
  }
}

function demandPlain(bytes: Uint8Array): void {
  if (isPlainText(bytes)) return;
  throw new CommandFailure(
    1,
    'io',
    'What came is not plain text, and was not written to this terminal; use --out FILE.',
  );
}

async function statOf(path: string): Promise<Stats | undefined> {
  return stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}
