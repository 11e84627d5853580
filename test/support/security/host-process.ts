import { startChild } from '../process/child.js';
import { buildChildProgram, type ChildProgram } from '../process/child-program.js';
import { pause } from '../protocol/flow.js';
import type { HostCommands, HostForm, HostState } from './memory-host.js';

/** A host in a child process, with a heap of 256 MB. */
export interface HostProcess {
  readonly port: number;
  readonly base: string;
  /** Rejects if the process has ended. */
  state(): Promise<HostState>;
  /** The first state that fulfils the condition; rejects after a minute. */
  until(condition: (state: HostState) => boolean): Promise<HostState>;
  stop(): Promise<void>;
}

/** Builds the program of {@link startHostProcess}. */
export const buildHostProgram = (): Promise<ChildProgram> => buildChildProgram('test/support/security/memory-host.ts');

/** A busy machine needs this long. */
const TIMEOUT_MS = 60_000;

export async function startHostProcess({ path }: ChildProgram, form: HostForm): Promise<HostProcess> {
  const execArgv = ['--max-old-space-size=256', '--expose-gc'];
  const { ready, ask, kill } = await startChild<{ port: number }, HostCommands>(path, { form }, { execArgv });
  return {
    port: ready.port,
    base: `http://127.0.0.1:${ready.port}`,
    state: () => ask('state'),
    async until(condition) {
      const started = performance.now();
      for (;;) {
        const state = await ask('state');
        if (condition(state)) return state;
        if (performance.now() - started > TIMEOUT_MS) throw new Error(`not in time: ${JSON.stringify(state)}`);
        await pause(50);
      }
    },
    stop: kill,
  };
}
