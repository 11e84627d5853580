import { fork } from 'node:child_process';
import { once } from 'node:events';
import { buildChildProgram, type ChildProgram } from '../process/child-program.js';
import type { HostState } from './memory-host.js';

/** A host in a process of its own, with a heap of 256 MB. */
export interface HostProcess {
  readonly port: number;
  readonly base: string;
  /** Rejects if the process has ended. */
  state(): Promise<HostState>;
  /** The state as soon as it fulfils the condition; rejects if that takes longer than a minute. */
  until(condition: (state: HostState) => boolean): Promise<HostState>;
  stop(): void;
}

/** Builds the program of {@link startHostProcess}. */
export const buildHostProgram = (): Promise<ChildProgram> => buildChildProgram('test/support/security/memory-host.ts');

/** A machine that is busy with other tests needs as much. */
const PATIENCE_MS = 60_000;

/** Starts a host of that form. */
export async function startHostProcess({ path }: ChildProgram, form: string): Promise<HostProcess> {
  const child = fork(path, [form], { execArgv: ['--max-old-space-size=256', '--expose-gc'] });
  const ended = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`the host has ended: ${code ?? signal}`);
  });
  ended.catch(() => undefined);
  const heard = async (): Promise<unknown> => (await Promise.race([once(child, 'message'), ended]))[0];
  const port = (await heard()) as number;
  const state = (): Promise<HostState> => {
    const answer = heard();
    if (child.connected) child.send('state');
    return answer as Promise<HostState>;
  };
  return {
    port,
    base: `http://127.0.0.1:${port}`,
    state,
    async until(condition) {
      const started = performance.now();
      for (;;) {
        const now = await state();
        if (condition(now)) return now;
        if (performance.now() - started > PATIENCE_MS) throw new Error(`not in time: ${JSON.stringify(now)}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },
    stop: () => void child.kill('SIGKILL'),
  };
}
