import { type FileHandle, open, rm } from 'node:fs/promises';
import { uptime } from 'node:os';
import { basename } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { CommandFailure } from './errors.js';
import { readOwn, UnusableFile } from './private-file.js';
import { isRunning } from './processes.js';

/** A lock that this process holds. */
export interface Lock {
  /** Names a file that is to go with this process, should it be killed. */
  note(draft: string): Promise<void>;
  release(): Promise<void>;
}

/** A lock that another process holds; its number, if the lock names one. */
export interface HeldLock {
  readonly heldBy: number | undefined;
}

/** What a lock says of who holds it. */
interface Holder {
  /** `undefined`: the lock does not name a process, or not yet. */
  readonly pid: number | undefined;
  readonly draft: string | undefined;
  /** When it was written, in Unix ms. */
  readonly writtenAt: number;
}

/** Milliseconds that a lock may be empty: its maker is about to write its name into it. */
const BEING_WRITTEN_MS = 10_000;

/** Milliseconds before another look at a lock that somebody else is about to take away. */
const BREAK_MS = 20;

/** Looks at one lock, each after {@link BREAK_MS}, after which it counts as held. */
const MOST_LOOKS = 100;

/** The locks of this process: its number may have been another one's before. */
const held = new Set<string>();

/** The process that holds a lock, in words that begin a sentence. */
export const wordsOfHolder = ({ heldBy }: HeldLock): string =>
  heldBy === undefined ? 'Another process' : `Process ${heldBy}`;

/**
 * Takes a lock; resolves to the process that has it instead, if that still runs. Throws a {@link CommandFailure} if
 * something is in its place that is no lock of this user.
 */
export async function takeLock(path: string): Promise<Lock | HeldLock> {
  for (let looks = 0; looks < MOST_LOOKS; looks += 1) {
    const file = await open(path, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
      return undefined;
    });
    if (file !== undefined) return ownLock(path, file);
    const holder = await liveHolder(path);
    if (holder !== undefined) return holder;
    await breakLock(path);
  }
  return { heldBy: undefined };
}

/** Takes a lock away whose process is dead, and the draft that it names. What is no lock of this user is left alone. */
export async function sweepLock(path: string): Promise<void> {
  try {
    if ((await holderIn(path)) !== undefined && (await liveHolder(path)) === undefined) await breakLock(path);
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error;
  }
}

/** Whether this is the path of a draft of `--out`. */
const isDraft = (path: string): boolean => /[/\\]\.credential-relay\.\d+-[0-9a-f]+\.part$/.test(path);

async function ownLock(path: string, file: FileHandle): Promise<Lock> {
  const write = async (draft?: string): Promise<void> => {
    const text = JSON.stringify({ pid: process.pid, draft });
    await file.truncate();
    await file.write(text, 0);
  };
  try {
    held.add(path);
    await write();
  } catch (error) {
    held.delete(path);
    await file.close();
    await rm(path, { force: true });
    throw error;
  }
  return {
    note: write,
    async release() {
      await file.close();
      held.delete(path);
      await rm(path, { force: true });
    },
  };
}

/** The process that holds a lock; `undefined` if it is dead, or the lock is gone. */
async function liveHolder(path: string): Promise<HeldLock | undefined> {
  const holder = await holderIn(path);
  if (holder === undefined) return undefined;
  const { pid, writtenAt } = holder;
  if (pid === undefined) return Date.now() - writtenAt < BEING_WRITTEN_MS ? { heldBy: undefined } : undefined;
  // Process numbers begin anew when the machine does.
  const isOfThisRun = writtenAt > Date.now() - uptime() * 1000 - BEING_WRITTEN_MS;
  const isAlive = pid === process.pid ? held.has(path) : isRunning(pid);
  return isOfThisRun && isAlive ? { heldBy: pid } : undefined;
}

/** Takes a dead lock away, and the draft that it names: one process at a time, or it could be another's new one. */
async function breakLock(path: string): Promise<void> {
  const breaking = `${path}.break`;
  const file = await open(breaking, 'wx', 0o600).catch(() => undefined);
  if (file === undefined) {
    const other = await holderIn(breaking);
    if (other !== undefined && other.writtenAt < Date.now() - BEING_WRITTEN_MS) await rm(breaking, { force: true });
    await pause(BREAK_MS);
    return;
  }
  try {
    if ((await liveHolder(path)) !== undefined) return;
    const draft = (await holderIn(path))?.draft;
    if (draft !== undefined && isDraft(draft)) await rm(draft, { force: true }).catch(() => {});
    await rm(path, { force: true });
  } finally {
    await file.close();
    await rm(breaking, { force: true });
  }
}

/** What a lock says; `undefined` if there is none. Throws a {@link CommandFailure} for what is no lock of this user. */
async function holderIn(path: string): Promise<Holder | undefined> {
  const file = await readOwn(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    if (!(error instanceof UnusableFile)) throw error;
    const words = `${basename(path)} in the state folder is no lock of this command: ${error.message}. Remove it.`;
    throw new CommandFailure(1, 'io', words, { cause: error });
  });
  return file === undefined ? undefined : { ...namedIn(file.text), writtenAt: file.writtenAt };
}

function namedIn(text: string): Pick<Holder, 'pid' | 'draft'> {
  try {
    const { pid, draft } = JSON.parse(text);
    const isNumber = Number.isInteger(pid) && pid > 0;
    return { pid: isNumber ? pid : undefined, draft: typeof draft === 'string' ? draft : undefined };
  } catch {
    return { pid: undefined, draft: undefined };
  }
}
