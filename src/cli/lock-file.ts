import { randomBytes } from 'node:crypto';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { uptime } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { CommandFailure } from './errors.js';
import { readPrivateFile, UnusableFile } from './private-files.js';

/*
 * Each process creates a lock file with a different name, and then reads the lock files of other processes. No process
 * takes over a file, so a killed holder needs no timer and no second lock: the process identifier in the file name
 * shows that the process is dead. (proper-lockfile detects that after 10 s, runs a timer, and patches `fs`.)
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
  /** Empty while the process waits for its turn; then `-`, or the path of a draft. */
  readonly text: string;
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

/** Acquires the lock `name`. Throws a {@link CommandFailure} with code `busy` while another process holds the lock. */
export async function acquireLock(folder: string, name: string): Promise<Lock> {
  const file = `${name}.${process.pid}-${randomBytes(4).toString('hex')}.lock`;
  const path = join(folder, file);
  const recordDraft = (draft: string): Promise<void> => writeFile(path, draft);
  async function release(): Promise<void> {
    ownFiles.delete(path);
    await rm(path, { force: true });
  }
  ownFiles.add(path);
  try {
    await writeFile(path, '', { flag: 'wx', mode: 0o600 });
    await waitForTurn(folder, name, file);
    await writeFile(path, '-');
  } catch (error) {
    await release();
    throw error;
  }
  return { recordDraft, release };
}

/**
 * Resolves when no other process holds the lock or waits for it. Of several processes that start at the same time, the
 * process whose file name sorts first waits until the others have given up.
 */
async function waitForTurn(folder: string, name: string, own: string): Promise<void> {
  for (let polls = 1; ; polls += 1) {
    let isFree = true;
    for (const file of await readdir(folder)) {
      if (file === own || LOCK_FILE.exec(file)?.[1] !== name) continue;
      const rival = await readLock(folder, file);
      if (!rival?.isAlive) continue;
      isFree = false;
      if (rival.text !== '' || file < own || polls === MAXIMUM_POLLS) {
        throw new CommandFailure(1, 'busy', `Process ${rival.pid} already uses this link.`);
      }
    }
    if (isFree) return;
    await pause(POLL_MS);
  }
}

/** Deletes a lock file whose process is dead, and the draft that the file records. */
export async function deleteDeadLock(folder: string, file: string): Promise<void> {
  const lock = await readLock(folder, file).catch((error: unknown) => {
    if (!(error instanceof CommandFailure)) throw error;
    return undefined;
  });
  if (lock === undefined || lock.isAlive) return;
  if (OUTPUT_DRAFT.test(lock.text)) await rm(lock.text, { force: true }).catch(() => {});
  await rm(join(folder, file), { force: true });
}

/** Resolves to `undefined` for a missing file. Throws a {@link CommandFailure} if another user can write the file. */
async function readLock(folder: string, file: string): Promise<LockFile | undefined> {
  const path = join(folder, file);
  const content = await readPrivateFile(path).catch((error: NodeJS.ErrnoException) => {
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
  return { pid, isAlive, text: content.text };
}
