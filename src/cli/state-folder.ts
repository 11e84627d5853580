import { createHash, randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { TransferState } from '../client/index.js';
import { CommandFailure } from './errors.js';
import { acquireLock, deleteDeadLock, isLockFile, isRunning, type Lock } from './lock-file.js';
import {
  createPrivateFolder,
  listPrivateFolder,
  MAXIMUM_FILE_BYTES,
  readPrivateFile,
  UnusableFile,
} from './private-files.js';

const DAY_MS = 86_400_000;

/** Relays keep a mailbox for 48 hours unless the sender asks for another expiration (docs/protocol.md §7). */
const DEFAULT_LIFETIME_MS = 2 * DAY_MS;

/** The command deletes states one day late, because the clock of this device may be wrong. */
const MARGIN_MS = DAY_MS;

/** Age at which a file without an expiration is deleted: a relay with default settings keeps no mailbox longer. */
const MAXIMUM_AGE_MS = 30 * DAY_MS;

/** Age at which any file is deleted, whatever its expiration. */
const MAXIMUM_AGE_WITH_EXPIRATION_MS = 366 * DAY_MS;

const STATE_FILE = /^(sender|receiver)-[0-9a-f-]{36}\.json$/;
const DRAFT_FILE = /^(?:sender|receiver)-[0-9a-f-]{36}\.json\.(\d+)(?:-[0-9a-f]+)?$/;

const isOwnName = (name: string): boolean => STATE_FILE.test(name) || DRAFT_FILE.test(name) || isLockFile(name);

/** The content of a state file. */
interface SavedState {
  readonly state: TransferState;
  /** The expected end of the share in Unix ms, for a state without an expiration. */
  readonly until: number | undefined;
  /** The process that wrote the file. */
  readonly writer: number | undefined;
}

interface StateFile {
  readonly writtenAt: number;
  /** `undefined` if another version of the command may have written the file. */
  readonly saved: SavedState | undefined;
}

/**
 * Shares in progress, one file per share. Only this user can read the files: they contain Device Claims and Secrets.
 * Every method throws a {@link CommandFailure} for a folder that other users can write to.
 */
export class StateFolder {
  readonly path: string;
  readonly #warn: (message: string) => void;
  /** The expected end of each share in Unix ms, by the identifier of its state. */
  readonly #ends = new Map<string, number>();
  #lifetimeMs = DEFAULT_LIFETIME_MS;
  #isCreated = false;

  /** `warn` receives a message about each file that {@link sweep} finds and that is not used. */
  constructor(path: string | undefined, env = process.env, warn: (message: string) => void = () => {}) {
    this.path = path || env.RELAY_STATE || join(findStateHome(env), 'credential-relay');
    this.#warn = warn;
  }

  /** Sets the expected lifetime of new shares. */
  setLifetime(seconds: number): void {
    this.#lifetimeMs = seconds * 1000;
  }

  /** Saves a state atomically; deletes the state of a share that has ended. */
  readonly save = async (state: TransferState): Promise<void> => {
    if (state.ended !== undefined) return this.delete(state);
    await this.#create();
    const until = this.#ends.get(state.id) ?? Date.now() + this.#lifetimeMs;
    this.#ends.set(state.id, until);
    await writeAtomically(this.#pathOf(state), JSON.stringify({ ...state, until, writer: process.pid }));
  };

  async delete(state: TransferState): Promise<void> {
    await rm(this.#pathOf(state), { force: true });
  }

  /** Resolves to the state of a share in progress; of several, to one that is bound. */
  async find(role: TransferState['role'], mailboxUrl: string): Promise<TransferState | undefined> {
    let found: TransferState | undefined;
    for (const name of await this.#list()) {
      const { state, until } = (await this.#read(name))?.saved ?? {};
      if (state?.role !== role || state.mailboxUrl !== mailboxUrl) continue;
      if (until !== undefined) this.#ends.set(state.id, until);
      if (found?.bound !== true) found = state;
    }
    return found;
  }

  /** Whether another process of this device cancelled the share. */
  async isCancelled(state: TransferState): Promise<boolean> {
    const name = toFileName(state);
    const file = await this.#read(name);
    // The other process may delete the file at any moment, so look for the name after the read.
    if (file === undefined) return !(await this.#list()).includes(name);
    return file.saved?.state.pending?.operation === 'delete';
  }

  /** Throws a {@link CommandFailure} with code `busy` while another process uses the mailbox. */
  async lock(role: TransferState['role'], mailboxUrl: string): Promise<Lock> {
    await this.#create();
    const hash = createHash('sha256').update(mailboxUrl).digest('hex').slice(0, 32);
    return acquireLock(this.path, `${role}-${hash}`);
  }

  /** Deletes states of shares that are over, and files of killed processes. */
  async sweep(): Promise<void> {
    for (const name of await this.#list()) {
      if (isLockFile(name)) await deleteDeadLock(this.path, name);
      const writer = DRAFT_FILE.exec(name)?.[1];
      const file = await this.#read(name, this.#warn);
      const isUseless = writer === undefined ? file !== undefined && isOver(file) : !isRunning(Number(writer));
      if (isUseless) await rm(join(this.path, name), { force: true }).catch(() => {});
    }
  }

  #pathOf(state: TransferState): string {
    return join(this.path, toFileName(state));
  }

  async #create(): Promise<void> {
    if (this.#isCreated) return;
    await createPrivateFolder(this.path, isOwnName);
    this.#isCreated = true;
  }

  #list(): Promise<string[]> {
    return listPrivateFolder(this.path, isOwnName);
  }

  /** Resolves to `undefined` for a name of another kind, and for a file that is missing or not used. */
  async #read(name: string, warn?: (message: string) => void): Promise<StateFile | undefined> {
    if (!STATE_FILE.test(name)) return undefined;
    const path = join(this.path, name);
    try {
      const { text, writtenAt } = await readPrivateFile(path);
      return { writtenAt, saved: parseSavedState(text, name) };
    } catch (error) {
      // Other errors may be temporary, such as too many open files.
      if (error instanceof UnusableFile) warn?.(`${name} in the state folder is not used: ${error.message}.`);
      if (error instanceof SyntaxError) await rm(path, { force: true }).catch(() => {});
      return undefined;
    }
  }
}

/** Only for a user who sets no folder: a container may run as a user without a home. */
function findStateHome(env: NodeJS.ProcessEnv): string {
  const base = env.XDG_STATE_HOME || env.LOCALAPPDATA;
  if (base) return base;
  try {
    const home = homedir();
    if (home !== '') return join(home, '.local', 'state');
  } catch {
    // No HOME, and no entry for this user in the system's list of users.
  }
  throw new TypeError('--state: this user has no home folder; give a folder by --state DIR, or by RELAY_STATE');
}

const toFileName = ({ role, id }: TransferState): string => `${role}-${id}.json`;

/** Resolves to `undefined` for the JSON of another version. Throws a SyntaxError for text that is not JSON. */
function parseSavedState(text: string, name: string): SavedState | undefined {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null) return undefined;
  const { until, writer, ...state } = value as TransferState & { until?: unknown; writer?: unknown };
  const isValid =
    state.format === 1 &&
    toFileName(state) === name &&
    [state.claim, state.secret].every((text) => typeof text === 'string') &&
    [state.mailboxUrl, state.expiration].every((text) => text === undefined || typeof text === 'string') &&
    Array.isArray(state.seen);
  if (!isValid) return undefined;
  const [end, pid] = [until, writer].map((number) => (typeof number === 'number' ? number : undefined));
  return { state, until: end, writer: pid };
}

function isOver({ writtenAt, saved }: StateFile): boolean {
  const age = Date.now() - writtenAt;
  if (saved === undefined) return age > MAXIMUM_AGE_MS;
  const { state, until, writer } = saved;
  // The process was killed before it printed the link.
  const hasNoLink = state.role === 'sender' && state.mailboxUrl === undefined;
  if (hasNoLink && writer !== undefined && !isRunning(writer)) return true;
  const end = state.expiration === undefined ? until : Date.parse(state.expiration);
  if (end === undefined || Number.isNaN(end)) return age > MAXIMUM_AGE_MS;
  return end + MARGIN_MS < Date.now() || age > MAXIMUM_AGE_WITH_EXPIRATION_MS;
}

async function writeAtomically(path: string, text: string): Promise<void> {
  if (Buffer.byteLength(text) > MAXIMUM_FILE_BYTES) {
    throw new CommandFailure(1, 'io', 'The share is too large for the state folder.');
  }
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
