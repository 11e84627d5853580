import { type FileHandle, open, readFile, rm, stat } from 'node:fs/promises';
import { uptime } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { isRunning } from './processes.js';

/** A lock that this process holds. */
export interface Lock {
  /** Names a file that is to go with this process, should it be killed. */
  note(draft: string): Promise<void>;
  release(): Promise<void>;
}

/** What a lock says of who holds it. */
interface Holder {
  readonly pid: number;
  readonly draft: string | undefined;
}

/** Milliseconds that a lock may be empty: its maker is about to write its name into it. */
const BEING_WRITTEN_MS = 10_000;

/** Milliseconds before another look at a lock that somebody else is about to take away. */
const BREAK_MS = 20;

/** The locks of this process: its number may have been another one's before. */
const held = new Set<string>();

/** Takes a lock; resolves to the process that has it instead, if that still runs. */
export async function takeLock(path: string): Promise<Lock | { readonly heldBy: number }> {
  for (;;) {
    const file = await open(path, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
      return undefined;
    });
    if (file !== undefined) return ownLock(path, file);
    const holder = await liveHolder(path);
    if (holder !== undefined) return { heldBy: holder };
    await breakLock(path);
  }
}

/** Takes a lock away whose process is dead, and the draft that it names. */
export async function sweepLock(path: string): Promise<void> {
  if ((await timeOf(path)) !== undefined && (await liveHolder(path)) === undefined) await breakLock(path);
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
async function liveHolder(path: string): Promise<number | undefined> {
  const [holder, mtimeMs] = await Promise.all([holderIn(path), timeOf(path)]);
  if (mtimeMs === undefined) return undefined;
  if (holder === undefined) return Date.now() - mtimeMs < BEING_WRITTEN_MS ? 0 : undefined;
  // Process numbers begin anew when the machine does.
  const isOfThisRun = mtimeMs > Date.now() - uptime() * 1000 - BEING_WRITTEN_MS;
  const isAlive = holder.pid === process.pid ? held.has(path) : isRunning(holder.pid);
  return isOfThisRun && isAlive ? holder.pid : undefined;
}

/** Takes a dead lock away, and the draft that it names: one process at a time, or it could be another's new one. */
async function breakLock(path: string): Promise<void> {
  const breaking = `${path}.break`;
  const file = await open(breaking, 'wx', 0o600).catch(() => undefined);
  if (file === undefined) {
    if (((await timeOf(breaking)) ?? Date.now()) < Date.now() - BEING_WRITTEN_MS) await rm(breaking, { force: true });
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

async function holderIn(path: string): Promise<Holder | undefined> {
  try {
    const { pid, draft } = JSON.parse(await readFile(path, 'utf8'));
    if (!Number.isInteger(pid) || pid <= 0) return undefined;
    return { pid, draft: typeof draft === 'string' ? draft : undefined };
  } catch {
    return undefined;
  }
}

async function timeOf(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => undefined,
  );
}
