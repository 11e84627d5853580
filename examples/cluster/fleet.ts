import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { type App, type AppOptions, createApp } from './app.js';
import type { Target } from './balancer.js';

/** The relay processes behind the balancer. */
export interface Fleet {
  /** The targets of the balancer. An ended process stays in the list until it is replaced. */
  readonly members: readonly Target[];
  /** Starts a process, or a replacement. Resolves when it answers. */
  start(name: string, inPlaceOf?: string): Promise<void>;
  /** Sends a signal. Resolves with the exit code, or `null` if the process was killed. */
  end(name: string, signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null>;
  /** Kills all processes. */
  close(): Promise<void>;
}

/** Runs `program` once per process. The program calls {@link runMember}. */
export function createFleet(program: string, options: AppOptions): Fleet {
  const children = new Map<string, ChildProcess>();
  const members: Target[] = [];
  const killAll = (): void => {
    for (const child of children.values()) child.kill('SIGKILL');
  };
  process.on('exit', killAll); // No process remains if the example is interrupted.

  async function end(name: string, signal: NodeJS.Signals): Promise<number | null> {
    const child = children.get(name);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const ended = once(child, 'exit');
    child.kill(signal);
    const [code] = (await ended) as [number | null];
    children.delete(name);
    return code;
  }

  return {
    members,
    end,
    async start(name, inPlaceOf) {
      const child = fork(program, [MEMBER_ARGUMENT], { execArgv: [] });
      children.set(name, child);
      child.send(options);
      const answer = once(child, 'message') as Promise<[Omit<Target, 'name'>]>;
      const failed = once(child, 'exit').then(() => Promise.reject(new Error(`${name} has ended at its start.`)));
      const [{ url }] = await Promise.race([answer, failed]);
      failed.catch(() => undefined); // The process ends later, which is not an error.
      const index = members.findIndex((member) => member.name === inPlaceOf);
      members.splice(index === -1 ? members.length : index, 1, { name, url });
    },
    async close() {
      await Promise.all([...children.keys()].map((name) => end(name, 'SIGKILL')));
      process.off('exit', killAll);
    },
  };
}

/** The argument that starts the program as a relay process. */
export const MEMBER_ARGUMENT = 'relay';

/** Receives the options from the parent process, listens on a free port, reports the URL, and stops on SIGTERM. */
export async function runMember(): Promise<void> {
  const [options] = (await once(process, 'message')) as [AppOptions];
  const app: App = createApp(options);
  process.once('SIGTERM', () => void app.stop().then(() => process.disconnect()));
  process.once('disconnect', () => process.exit()); // The parent process has ended.
  await app.relay.ping(); // The balancer gets only relays with a working store.
  app.server.listen(0, '127.0.0.1');
  await once(app.server, 'listening');
  const address = app.server.address();
  if (address !== null && typeof address === 'object') process.send?.({ url: `http://127.0.0.1:${address.port}` });
}
