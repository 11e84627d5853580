import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { type App, type AppOptions, createApp } from './app.js';
import type { Target } from './balancer.js';

/** The relay processes behind the balancer. */
export interface Fleet {
  /** Those that are to be asked. One that has ended stays among them until another takes its place, as in real life. */
  readonly members: readonly Target[];
  /** Starts one more, or one in the place of another; resolves when it answers. */
  start(name: string, inPlaceOf?: string): Promise<void>;
  /** Sends a signal; resolves with the exit code when it has ended, `null` for one that was killed. */
  end(name: string, signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null>;
  /** Ends all, at once. */
  close(): Promise<void>;
}

/** Runs `program`, whose part it is to call {@link runMember}, once for each process. */
export function createFleet(program: string, options: AppOptions): Fleet {
  const children = new Map<string, ChildProcess>();
  const members: Target[] = [];
  const killAll = (): void => {
    for (const child of children.values()) child.kill('SIGKILL');
  };
  process.on('exit', killAll); // Also if the example is broken off, nothing is left behind.

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
      failed.catch(() => undefined); // It ends one day, and then that is no news.
      const place = members.findIndex((member) => member.name === inPlaceOf);
      members.splice(place === -1 ? members.length : place, 1, { name, url });
    },
    async close() {
      await Promise.all([...children.keys()].map((name) => end(name, 'SIGKILL')));
      process.off('exit', killAll);
    },
  };
}

/** The argument by which the program learns that it is to be a relay process. */
export const MEMBER_ARGUMENT = 'relay';

/** What a relay process does: is told its options, listens on a free port, says where, and on SIGTERM stops. */
export async function runMember(): Promise<void> {
  const [options] = (await once(process, 'message')) as [AppOptions];
  const app: App = createApp(options);
  process.once('SIGTERM', () => void app.stop().then(() => process.disconnect()));
  process.once('disconnect', () => process.exit()); // Who started it has ended.
  await app.relay.ping(); // Only a relay whose store answers is to be asked.
  app.server.listen(0, '127.0.0.1');
  await once(app.server, 'listening');
  const address = app.server.address();
  if (address !== null && typeof address === 'object') process.send?.({ url: `http://127.0.0.1:${address.port}` });
}
