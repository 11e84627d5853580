import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { startChild } from '../support/process/child.js';
import type { Assignment } from './sample.js';
import type { ServerCommands } from './server.js';

/** A measured server in a child process. */
export interface ServerProcess {
  readonly port: number;
  /** CPU time since the start, user and system, in µs. */
  cpu(): Promise<number>;
  stop(): Promise<void>;
}

const SERVER_CORE = '0';
const CLIENT_CORE = '1';

/** Pins this process, the client, to a core. False if that is not possible: the figures are then rough. */
export function pinClient(): boolean {
  if (availableParallelism() < 2) return false;
  return spawnSync('taskset', ['-acp', CLIENT_CORE, String(process.pid)]).status === 0;
}

/** Starts a server. If `pinned`, the server has a core without the client. */
export async function startServer(assignment: Assignment, pinned: boolean): Promise<ServerProcess> {
  const path = fileURLToPath(new URL('./server.js', import.meta.url));
  const taskset = { execPath: 'taskset', execArgv: ['-c', SERVER_CORE, process.execPath] };
  const env = { ...process.env, NODE_ENV: 'production' };
  const child = await startChild<{ port: number }, ServerCommands>(
    path,
    assignment,
    pinned ? { ...taskset, env } : { env },
  );
  return {
    port: child.ready.port,
    async cpu() {
      const { user, system } = await child.ask('cpu');
      return user + system;
    },
    stop: child.kill,
  };
}
