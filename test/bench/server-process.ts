import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Assignment } from './sample.js';

/** A server under measurement, in a process of its own. */
export interface ServerProcess {
  readonly port: number;
  /** CPU time it has used so far, user and system, in µs. */
  cpu(): Promise<number>;
  stop(): Promise<void>;
}

const SERVER_CORE = '0';
const CLIENT_CORE = '1';

/** Pins this process, the client, to its own core. False where that cannot be done: then figures are rougher. */
export function pinClient(): boolean {
  if (availableParallelism() < 2) return false;
  return spawnSync('taskset', ['-acp', CLIENT_CORE, String(process.pid)]).status === 0;
}

/** Starts a server, pinned to a core that the client is not on. */
export async function startServer(assignment: Assignment, pinned: boolean): Promise<ServerProcess> {
  const script = fileURLToPath(new URL('./server.js', import.meta.url));
  const node = [process.execPath, script];
  const [command = '', ...args] = pinned ? ['taskset', '-c', SERVER_CORE, ...node] : node;
  const child = spawn(command, args, {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, NODE_ENV: 'production' },
  });
  const { port } = (await ask(child, assignment)) as { port: number };
  return {
    port,
    async cpu() {
      const { user, system } = (await ask(child, 'cpu')) as NodeJS.CpuUsage;
      return user + system;
    },
    async stop() {
      const exit = once(child, 'exit');
      child.disconnect(); // The server ends with its channel, also if this process dies.
      await exit;
    },
  };
}

async function ask(child: ChildProcess, question: Assignment | 'cpu'): Promise<unknown> {
  const ended = new AbortController();
  const exit = once(child, 'exit', { signal: ended.signal }).then(() => {
    throw new Error('A server has ended.');
  });
  child.send(question);
  try {
    const [answer] = await Promise.race([once(child, 'message', { signal: ended.signal }), exit]);
    return answer;
  } finally {
    exit.catch(() => undefined);
    ended.abort();
  }
}
