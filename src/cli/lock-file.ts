import { randomBytes } from 'node:crypto';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { uptime } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { CommandFailure } from './errors.js';
import { readOwn, UnusableFile } from './private-file.js';

/*
 * Each contender creates a lock file with a name of its own, and then reads the files of the others. No process ever
 * takes over the file of another one, so a killed holder needs no timer and no second lock: its process identifier
 * shows that it is dead. (proper-lockfile finds that out after 10 s, keeps a timer, and patches the fs module.)
 */

/** A lock that this process holds. */
export interface Lock {
  /** Records the path of a draft: the next command deletes the draft if this process is killed. */
  recordDraft(path: string): Promise<void>;
  release(): Promise<void>;
}

/** A lock file of any process. */
interface LockFile {
  readonly pid: number;
  readonly isAlive: boolean;
  /** False while its process has not yet read the other lock files. */
  readonly isHeld: boolean;
  readonly draft: string | undefined;
}

const LOCK_FILE = /^((?:sender|receiver)-[0-9a-f]{32})\.([1-9]\d*)-[0-9a-f]{8}\.lock$/;
const OUTPUT_DRAFT = /[/\\]\.credential-relay\.\d+-[0-9a-f]+\.part$/;

/** Milliseconds between two reads of the lock files, and the number of reads. */
const [POLL_MS, MAXIMUM_POLLS] = [20, 100];

/** Milliseconds by which the time of a file may differ from the clock of this process. */
const CLOCK_MARGIN_MS = 10_000;

/** Lock files of this process: an earlier process may have had the same identifier. */
const ownFiles = new Set<string>();

export const isLockFile = (file: string): boolean => LOCK_FILE.test(file);

/** Whether a process of this machine is running. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: the process runs under another user.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Acquires the lock `name`. Throws a {@link CommandFailure} with code `busy` while another process holds it. */
export async function acquireLock(folder: string, name: string): Promise<Lock> {
  const file = `${name}.${process.pid}-${randomBytes(4).toString('hex')}.lock`;
  const path = join(folder, file);
  const write = (draft?: string): Promise<void> => writeFile(path, JSON.stringify({ draft }));
  async function release(): Promise<void> {
    ownFiles.delete(path);
    await rm(path, { force: true });
  }
  ownFiles.add(path);
  try {
    await writeFile(path, '', { flag: 'wx', mode: 0o600 });
    await waitForTurn(folder, name, file);
    await write();
  } catch (error) {
    await release();
    throw error;
  }
  return { recordDraft: write, release };
}

/**
 * Resolves when no other process holds or wants the lock. Of the processes that start at the same time, the one whose
 * file name sorts first waits until the others have given up.
 */
async function waitForTurn(folder: string, name: string, own: string): Promise<void> {
  let rival: LockFile | undefined;
  for (let polls = 0; polls < MAXIMUM_POLLS; polls += 1) {
    rival = undefined;
    for (const file of await readdir(folder)) {
      if (file === own || LOCK_FILE.exec(file)?.[1] !== name) continue;
      const other = await readLock(folder, file);
      if (!other?.isAlive) continue;
      rival = other;
      if (other.isHeld || file < own) throw createBusyFailure(other);
    }
    if (rival === undefined) return;
    await pause(POLL_MS);
  }
  if (rival !== undefined) throw createBusyFailure(rival);
}

/** Deletes a lock file whose process is dead, and the draft that the file records. */
export async function deleteDeadLock(folder: string, file: string): Promise<void> {
  const lock = await readLock(folder, file).catch((error: unknown) => {
    if (!(error instanceof CommandFailure)) throw error;
    return undefined;
  });
  if (lock === undefined || lock.isAlive) return;
  const { draft } = lock;
  if (draft !== undefined && OUTPUT_DRAFT.test(draft)) await rm(draft, { force: true }).catch(() => {});
  await rm(join(folder, file), { force: true });
}

/** Resolves to `undefined` if the file is gone. Throws a {@link CommandFailure} for a file that another user can write. */
async function readLock(folder: string, file: string): Promise<LockFile | undefined> {
  const path = join(folder, file);
  const content = await readOwn(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    if (!(error instanceof UnusableFile)) throw error;
    const message = `${file} in the state folder is not a lock of this command: ${error.message}. Remove it.`;
    throw new CommandFailure(1, 'io', message, { cause: error });
  });
  if (content === undefined) return undefined;
  const pid = Number(LOCK_FILE.exec(file)?.[2]);
  // After a restart of the machine, other processes get the same identifiers.
  const isOfThisBoot = content.writtenAt > Date.now() - uptime() * 1000 - CLOCK_MARGIN_MS;
  const isAlive = isOfThisBoot && (pid === process.pid ? ownFiles.has(path) : isRunning(pid));
  return { pid, isAlive, isHeld: content.text !== '', draft: parseDraft(content.text) };
}

function parseDraft(text: string): string | undefined {
  try {
    const { draft } = JSON.parse(text);
    return typeof draft === 'string' ? draft : undefined;
  } catch {
    return undefined;
  }
}

const createBusyFailure = ({ pid }: LockFile): CommandFailure =>
  new CommandFailure(1, 'busy', `Process ${pid} already uses this link.`);
