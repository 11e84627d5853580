import { constants, type Stats } from 'node:fs';
import { open, utimes } from 'node:fs/promises';

/** A file of the state folder that is not used: somebody else may have written it, or it is no file at all. */
export class UnusableFile extends Error {}

/** What a file of this user holds. */
export interface OwnFile {
  readonly text: string;
  /** When it was last written, in Unix ms; never in the future. */
  readonly writtenAt: number;
}

/** Bytes of the largest file that is read: a state has the body of a write in it, of up to 4 MiB, as a JSON string. */
export const MOST_FILE_BYTES = 16 * 1024 * 1024;

/** Without following a link, and without waiting for somebody who writes into a named pipe. Windows has neither. */
const FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/** A clock that was this wrong when the file was written, in ms, is noticed. */
const CLOCK_MS = 60_000;

/**
 * Reads a file that only this user can have written. Throws {@link UnusableFile} for any other one, for what is no
 * regular file, and for one of over 16 MiB; and what Node throws where it cannot be opened.
 */
export async function readOwn(path: string): Promise<OwnFile> {
  const file = await open(path, FLAGS).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ELOOP' || error.code === 'ENXIO') throw new UnusableFile('it is no regular file');
    throw error;
  });
  try {
    const stats = await file.stat();
    const reason = reasonAgainst(stats);
    if (reason !== undefined) throw new UnusableFile(reason);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(stats.size), 0, stats.size, 0);
    return { text: buffer.toString('utf8', 0, bytesRead), writtenAt: await writtenAt(path, stats) };
  } finally {
    await file.close();
  }
}

/** Why a file is not used; `undefined` if only this user can have written it. */
function reasonAgainst(stats: Stats): string | undefined {
  if (!stats.isFile()) return 'it is no regular file';
  if (isOfAnother(stats)) return 'it belongs to another user';
  if (isOpenToOthers(stats)) return 'other users can write to it';
  return stats.size > MOST_FILE_BYTES ? 'it is too large' : undefined;
}

/** Whether a file or folder belongs to another user. Windows does not tell. */
export const isOfAnother = ({ uid }: Stats): boolean => process.getuid !== undefined && uid !== process.getuid();

/** Whether other users can write to a file or folder. */
export const isOpenToOthers = ({ mode }: Stats): boolean => process.getuid !== undefined && (mode & 0o022) !== 0;

/** A time in the future is put right, or what is judged by it would never be old. */
async function writtenAt(path: string, { mtimeMs }: Stats): Promise<number> {
  const now = Date.now();
  if (mtimeMs <= now + CLOCK_MS) return Math.min(mtimeMs, now);
  await utimes(path, new Date(now), new Date(now)).catch(() => {});
  return now;
}
