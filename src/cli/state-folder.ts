import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { TransferState } from '../client/index.js';

/** Shares under way, a file each, that only this user can read: they hold Device Claims and Secrets. */
export interface StateFolder {
  readonly path: string;
  /** Keeps a state, whole or not at all; takes it away once the share has ended. */
  keep(state: TransferState): Promise<void>;
  /** The state of a share that is under way here. */
  find(role: TransferState['role'], mailboxUrl: string): Promise<TransferState | undefined>;
}

const DAY_MS = 86_400_000;

/** No relay of default settings keeps a mailbox longer. */
const LONGEST_MS = 30 * DAY_MS;

/** The folder of `--state`, RELAY_STATE, or where this system keeps such things. */
export function stateFolder(path: string | undefined, env: NodeJS.ProcessEnv = process.env): StateFolder {
  const base = env.XDG_STATE_HOME || env.LOCALAPPDATA || join(homedir(), '.local', 'state');
  const folder = path ?? env.RELAY_STATE ?? join(base, 'credential-relay');
  const fileOf = ({ role, id }: TransferState): string => join(folder, `${role}-${id}.json`);

  /** Every state that is still good; those that are not are taken away. */
  async function* states(): AsyncGenerator<TransferState> {
    for (const name of await readdir(folder).catch(() => [])) {
      if (!/^(sender|receiver)-[0-9a-f-]{36}\.json$/.test(name)) continue;
      const file = join(folder, name);
      const state = await readFile(file, 'utf8')
        .then(JSON.parse)
        .catch(() => undefined);
      if (state !== undefined && !(await isOver(state, file))) yield state;
      else await rm(file, { force: true });
    }
  }

  async function isOver({ expiration }: TransferState, file: string): Promise<boolean> {
    // A day late: this device's clock may be wrong.
    if (expiration !== undefined) return Date.parse(expiration) + DAY_MS < Date.now();
    const { mtimeMs } = await stat(file).catch(() => ({ mtimeMs: 0 }));
    return mtimeMs < Date.now() - LONGEST_MS;
  }

  return {
    path: folder,
    async keep(state) {
      if (state.ended !== undefined) return rm(fileOf(state), { force: true });
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const draft = `${fileOf(state)}.${process.pid}`;
      const file = await open(draft, 'w', 0o600);
      try {
        await file.writeFile(JSON.stringify(state));
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(draft, fileOf(state));
    },
    async find(role, mailboxUrl) {
      let found: TransferState | undefined;
      for await (const state of states()) if (state.role === role && state.mailboxUrl === mailboxUrl) found = state;
      return found;
    },
  };
}
