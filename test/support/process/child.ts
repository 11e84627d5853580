import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { Commands } from './parent.js';

/*
 * The parent's side of a child process: the parent sends settings, the child reports that it is ready, and then answers
 * commands. `parent.ts` is the child's side.
 */

/** A child process that is ready. `Offered` is the type of its commands. */
export interface Child<Ready, Offered extends Commands> {
  readonly pid: number;
  /** The first message of the child. */
  readonly ready: Ready;
  /** Runs a command in the child. Rejects if the command fails, the child ends, or the time is over. */
  ask<Name extends keyof Offered & string>(
    command: Name,
    ...argument: Parameters<Offered[Name]>
  ): Promise<Awaited<ReturnType<Offered[Name]>>>;
  /** Sends SIGKILL, unless the child has ended, and resolves when it has ended. */
  kill(): Promise<void>;
}

export interface ChildOptions {
  readonly execPath?: string;
  readonly execArgv?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

/** Time for a child to start, and for each command. */
const TIMEOUT_MS = 120_000;

const children = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL'); // An interrupted run leaves no process.
});

interface Reply {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** Starts the program at `path` and resolves when it is ready. */
export async function startChild<Ready, Offered extends Commands>(
  path: string,
  settings: object,
  options: ChildOptions = {},
): Promise<Child<Ready, Offered>> {
  const child = fork(path, { execArgv: [], ...options, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] } as object);
  children.add(child);
  const pending = new Map<number, Pending>();
  let lastId = 0;

  function wait(id: number, what: string): Promise<unknown> {
    if (!child.connected) return Promise.reject(new Error(`${path} has ended`));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${path}: no answer to ${what}`)), TIMEOUT_MS);
      const settle = (run: () => void): void => {
        clearTimeout(timer);
        pending.delete(id);
        run();
      };
      pending.set(id, {
        resolve: (value) => settle(() => resolve(value)),
        reject: (error) => settle(() => reject(error)),
      });
    });
  }

  child.on('message', ({ id, value, error }: Reply) => {
    const waiting = pending.get(id);
    if (error === undefined) waiting?.resolve(value);
    else waiting?.reject(new Error(error));
  });
  child.on('exit', (code, signal) => {
    children.delete(child);
    for (const waiting of pending.values()) waiting.reject(new Error(`${path} ended: ${code ?? signal}`));
  });

  child.send(settings);
  const ready = (await wait(0, 'its settings')) as Ready;
  return {
    pid: child.pid as number,
    ready,
    ask(command, ...[argument]) {
      lastId += 1;
      const answer = wait(lastId, command);
      if (child.connected) child.send({ id: lastId, command, argument });
      return answer as Promise<never>;
    },
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}
