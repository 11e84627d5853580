import { createHash, randomBytes } from 'node:crypto';
import { open, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { TransferState } from '../client/index.js';
import { CommandFailure, naming } from './errors.js';
import { acquireLock, deleteDeadLock, isLockFile, isRunning, type Lock } from './lock-file.js';
import { MOST_FILE_BYTES, type OwnFile, readOwn, UnusableFile } from './private-file.js';
import { isPrivateFolder, makePrivate } from './private-folder.js';
import { decodeState, encodeState, nameOf, type StateFile, USUAL_SECONDS } from './state-file.js';

/** Shares under way, a file each, that only this user can read: they hold Device Claims and Secrets. */
export interface StateFolder {
  readonly path: string;
  /** Keeps a state, whole or not at all; takes it away once the share has ended. */
  keep(state: TransferState): Promise<void>;
  /** Takes a state away that is of no use any more. */
  forget(state: TransferState): Promise<void>;
  /** The state of a share that is under way here; of several one that is bound. */
  find(role: TransferState['role'], mailboxUrl: string): Promise<TransferState | undefined>;
  /** Whether this share was taken back by another process of this device. */
  isCancelled(state: TransferState): Promise<boolean>;
  /** New shares end after so many seconds, as far as is known. */
  expect(seconds: number): void;
  /** Throws a CommandFailure while another process uses this mailbox. */
  lock(role: TransferState['role'], mailboxUrl: string): Promise<Lock>;
  /** Takes away what is over, and what processes left that were killed. */
  sweep(): Promise<void>;
}

/** A day late: this device's clock may be wrong. */
const MARGIN_MS = 86_400_000;
/** A file that says nothing of its end is kept for so long: no relay of default settings keeps a mailbox longer. */
const LONGEST_MS = 30 * 86_400_000;
/** A file that nobody has written to for so long is taken away, whatever end it names. */
const LONGEST_NAMED_MS = 366 * 86_400_000;

const STATE = /^(sender|receiver)-[0-9a-f-]{36}\.json$/;
const DRAFT = /^(?:sender|receiver)-[0-9a-f-]{36}\.json\.(\d+)(?:-[0-9a-f]+)?$/;

const isOurs = (name: string): boolean => STATE.test(name) || DRAFT.test(name) || isLockFile(name);

/**
 * The folder of `--state`, RELAY_STATE, or where this system keeps such things. Each call throws a CommandFailure for a
 * folder that other users can write to; `warn` hears of a file in it that is not used, and why.
 */
export function stateFolder(
  path: string | undefined,
  env: NodeJS.ProcessEnv = process.env,
  warn: (words: string) => void = () => {},
): StateFolder {
  const base = env.XDG_STATE_HOME || env.LOCALAPPDATA || join(homedir(), '.local', 'state');
  const folder = path || env.RELAY_STATE || join(base, 'credential-relay');
  const fileOf = (state: TransferState): string => join(folder, nameOf(state));
  /** When the shares of this process end, in Unix ms, where their states do not say so. */
  const ends = new Map<string, number>();
  const unusable = new Set<string>();
  let expectedSeconds = USUAL_SECONDS;
  let isMade = false;

  async function make(): Promise<void> {
    if (isMade) return;
    await makePrivate(folder, isOurs);
    isMade = true;
  }

  /** The file of that name; `undefined` if it is not there, or not used. */
  async function fileIn(name: string): Promise<OwnFile | undefined> {
    try {
      return await readOwn(join(folder, name));
    } catch (error) {
      // Whatever keeps it from being read, such as too many open files, is no reason to take it away.
      if (error instanceof UnusableFile && !unusable.has(name)) {
        unusable.add(name);
        warn(`${name} in the state folder is not used: ${error.message}.`);
      }
      return undefined;
    }
  }

  async function read(name: string): Promise<ReadState | undefined> {
    const file = await fileIn(name);
    if (file === undefined) return undefined;
    const { writtenAt } = file;
    try {
      return { writtenAt, kept: decodeState(file.text, name) };
    } catch {
      await rm(join(folder, name), { force: true }).catch(() => {});
      return undefined;
    }
  }

  async function names(): Promise<string[]> {
    const isThere = await isPrivateFolder(folder, isOurs);
    return isThere ? naming('--state (or RELAY_STATE)', readdir(folder)) : [];
  }

  return {
    path: folder,
    async keep(state) {
      if (state.ended !== undefined) return rm(fileOf(state), { force: true });
      await make();
      const until = ends.get(state.id) ?? Date.now() + expectedSeconds * 1000;
      ends.set(state.id, until);
      await writeWhole(fileOf(state), encodeState({ state, until, writer: process.pid }));
    },
    forget: (state) => rm(fileOf(state), { force: true }),
    async find(role, mailboxUrl) {
      let found: TransferState | undefined;
      for (const name of await names()) {
        if (!STATE.test(name)) continue;
        const { state, until } = (await read(name))?.kept ?? {};
        if (state?.role !== role || state.mailboxUrl !== mailboxUrl) continue;
        if (until !== undefined) ends.set(state.id, until);
        if (found?.bound !== true) found = state;
      }
      return found;
    },
    async isCancelled(state) {
      if (!(await names()).includes(nameOf(state))) return true;
      return (await read(nameOf(state)))?.kept?.state.pending?.operation === 'delete';
    },
    expect(seconds) {
      expectedSeconds = seconds;
    },
    async lock(role, mailboxUrl) {
      await make();
      const name = createHash('sha256').update(mailboxUrl).digest('hex').slice(0, 32);
      return acquireLock(folder, `${role}-${name}`);
    },
    async sweep() {
      for (const name of await names()) {
        const file = join(folder, name);
        const writer = DRAFT.exec(name)?.[1];
        if (writer !== undefined && !isRunning(Number(writer))) await rm(file, { force: true }).catch(() => {});
        if (isLockFile(name)) await deleteDeadLock(folder, name);
        const state = STATE.test(name) ? await read(name) : undefined;
        if (state !== undefined && isOver(state)) await rm(file, { force: true }).catch(() => {});
      }
    },
  };
}

/** What was read of a file: `kept` is `undefined` if another version may have written it. */
interface ReadState {
  readonly writtenAt: number;
  readonly kept: StateFile | undefined;
}

/** Whether nothing can be done with a state any more. */
function isOver({ writtenAt, kept }: ReadState): boolean {
  const age = Date.now() - writtenAt;
  if (kept === undefined) return age > LONGEST_MS;
  const { state, until, writer } = kept;
  // The process was killed before it knew its mailbox, and had told nobody of it.
  if (state.role === 'sender' && state.mailboxUrl === undefined && writer !== undefined && !isRunning(writer)) {
    return true;
  }
  const end = state.expiration === undefined ? until : Date.parse(state.expiration);
  if (end === undefined || Number.isNaN(end)) return age > LONGEST_MS;
  return end + MARGIN_MS < Date.now() || age > LONGEST_NAMED_MS;
}

/** Writes a file that only this user can read, whole or not at all. */
async function writeWhole(path: string, text: string): Promise<void> {
  if (Buffer.byteLength(text) > MOST_FILE_BYTES)
    throw new CommandFailure(1, 'io', 'The share is too large to be kept.');
  const draft = `${path}.${process.pid}-${randomBytes(4).toString('hex')}`;
  const file = await open(draft, 'wx', 0o600);
  try {
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true }).catch(() => {});
    throw error;
  }
}
