import type { RelayProcessSettings } from './backends.js';
import { type Child, startChild } from './child.js';
import type { RelayCommands } from './relay-process.js';

/** A relay in a child process. */
export type RelayChild = Child<{ readonly origin: string; readonly base: string }, RelayCommands>;

/** Starts the built `program` (relay-process). */
export const startRelayProcess = (program: string, settings: RelayProcessSettings): Promise<RelayChild> =>
  startChild(program, settings, { execArgv: ['--expose-gc', '--disable-warning=ExperimentalWarning'] });

/** One relay process. A killed member keeps the URL of the dead process until its restart, as behind a balancer. */
export interface Member {
  readonly index: number;
  /** The origin of the process. */
  readonly url: string;
  /** Requests of this client without an answer. */
  inFlight: number;
}

/** Relay processes on one store, with the same keys. */
export interface Fleet {
  readonly members: readonly Member[];
  /** A random member, another one than `except` if there are several. */
  pick(except?: Member): Member;
  /** Sends SIGKILL; resolves when the process has ended. */
  kill(member: Member): Promise<void>;
  /** Starts the process again, on another port; resolves when it is ready. */
  restart(member: Member): Promise<void>;
  /** The number of compare-and-sets that lost to another process, over all live members. */
  countLostRaces(): Promise<number>;
  /** Kills all processes. */
  close(): Promise<void>;
}

/** Starts `size` processes of the built `program` (relay-process). */
export async function startFleet(program: string, settings: RelayProcessSettings, size: number): Promise<Fleet> {
  const children: RelayChild[] = [];
  const members: Member[] = [];

  async function start(index: number): Promise<void> {
    const child = await startRelayProcess(program, settings);
    children[index] = child;
    members[index] = { index, url: child.ready.origin, inFlight: 0 };
  }
  const close = async (): Promise<void> => void (await Promise.all(children.map((child) => child?.kill())));

  try {
    const indexes = Array.from({ length: size }, (_, index) => index);
    // Relays can set up the store at the same time; plain Keyvs cannot.
    if (settings.writeMode === 'get-then-set') for (const index of indexes) await start(index);
    else await Promise.all(indexes.map(start));
  } catch (error) {
    await close();
    throw error;
  }
  return {
    members,
    pick(except) {
      const choice = members.length > 1 ? members.filter((member) => member.index !== except?.index) : members;
      return choice[Math.floor(Math.random() * choice.length)] as Member;
    },
    kill: async ({ index }) => children[index]?.kill(),
    restart: ({ index }) => start(index),
    async countLostRaces() {
      const stats = await Promise.all(children.map((child) => child.ask('stats')));
      return stats.reduce((sum, { lostRaces }) => sum + lostRaces, 0);
    },
    close,
  };
}
