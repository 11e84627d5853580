import { constants, type Stats } from 'node:fs';
import { chmod, lstat, mkdir, open, readdir, stat, utimes } from 'node:fs/promises';
import { CommandFailure, labelSystemErrors } from './errors.js';

/** Another user may have written the file, or it is not a regular file. */
export class UnusableFile extends Error {}

export interface PrivateFile {
  readonly text: string;
  /** Time of the last write in Unix ms; never in the future. */
  readonly writtenAt: number;
}

/** Bytes of the largest file. A state contains the body of a write, up to 4 MiB, as a JSON string. */
export const MAXIMUM_FILE_BYTES = 16 * 1024 * 1024;

/** Follows no link, and waits for no writer of a named pipe. Windows has neither flag. */
const READ_FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/** Milliseconds by which the time of a file may be in the future. */
const CLOCK_MARGIN_MS = 60_000;

export const STATE_OPTION = '--state (or RELAY_STATE)';

/** Reads a file that only this user can have written. Throws {@link UnusableFile}, or an error of the system. */
export async function readPrivateFile(path: string): Promise<PrivateFile> {
  const file = await open(path, READ_FLAGS).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ELOOP' || error.code === 'ENXIO') throw new UnusableFile('it is not a regular file');
    throw error;
  });
  try {
    const stats = await file.stat();
    assertUsable(stats);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(stats.size), 0, stats.size, 0);
    return { text: buffer.toString('utf8', 0, bytesRead), writtenAt: await correctTime(path, stats) };
  } finally {
    await file.close();
  }
}

function assertUsable(stats: Stats): void {
  if (!stats.isFile()) throw new UnusableFile('it is not a regular file');
  if (isOfAnotherUser(stats)) throw new UnusableFile('it belongs to another user');
  if (isWritableByOthers(stats)) throw new UnusableFile('other users can write to it');
  if (stats.size > MAXIMUM_FILE_BYTES) throw new UnusableFile('it is too large');
}

// Windows has no user identifiers, and its modes do not tell who can write.
const isOfAnotherUser = ({ uid }: Stats): boolean => process.getuid !== undefined && uid !== process.getuid();
const isWritableByOthers = ({ mode }: Stats): boolean => process.getuid !== undefined && (mode & 0o022) !== 0;

/** Replaces a time in the future by the present: such a file would never become old. */
async function correctTime(path: string, { mtimeMs }: Stats): Promise<number> {
  const now = Date.now();
  if (mtimeMs <= now + CLOCK_MARGIN_MS) return Math.min(mtimeMs, now);
  await utimes(path, new Date(now), new Date(now)).catch(() => {});
  return now;
}

/**
 * Creates a folder that only this user can write to, or checks an existing one. An existing folder with files of the
 * command only gets mode 0700. Throws a {@link CommandFailure} for a folder that another user owns or can write to.
 */
export async function createPrivateFolder(folder: string, isOwnName: (name: string) => boolean): Promise<void> {
  await labelSystemErrors(STATE_OPTION, mkdir(folder, { recursive: true, mode: 0o700 }));
  await assertPrivate(folder, (names) => names.every(isOwnName));
}

/** Lists a private folder; a missing folder has no files. Checks the folder as {@link createPrivateFolder} does. */
export async function listPrivateFolder(folder: string, isOwnName: (name: string) => boolean): Promise<string[]> {
  const exists = lstat(folder).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
  if (!(await labelSystemErrors(STATE_OPTION, exists))) return [];
  // An empty folder may have another purpose: the command changes its mode only when it saves a state there.
  return assertPrivate(folder, (names) => names.length > 0 && names.every(isOwnName));
}

async function assertPrivate(folder: string, canClose: (names: readonly string[]) => boolean): Promise<string[]> {
  // The owner of a symbolic link decides about its target.
  const [target, link] = await labelSystemErrors(STATE_OPTION, Promise.all([stat(folder), lstat(folder)]));
  if (!target.isDirectory()) throw createFolderFailure('is not a folder');
  if (isOfAnotherUser(target) || isOfAnotherUser(link)) {
    throw createFolderFailure('belongs to another user; use a folder of your own');
  }
  const names = await labelSystemErrors(STATE_OPTION, readdir(folder));
  if (canClose(names)) await chmod(folder, 0o700).catch(() => {});
  if (isWritableByOthers(await labelSystemErrors(STATE_OPTION, stat(folder)))) {
    throw createFolderFailure('other users can write to the folder; use another one, or run chmod go-w');
  }
  return names;
}

const createFolderFailure = (problem: string): CommandFailure =>
  new CommandFailure(1, 'io', `${STATE_OPTION}: ${problem}. Its files may come from another user. Nothing was sent.`);
