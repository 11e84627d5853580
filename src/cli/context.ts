import type { TransferOptions } from '../client/index.js';
import { parseDuration } from './arguments.js';
import { CommandFailure, toCommandFailure } from './errors.js';
import { createNetwork } from './network.js';
import { createOutput, type Output, Reporter } from './reporter.js';
import { StateFolder } from './state-folder.js';

/** Shared by `send`, `receive`, `wait` and `cancel`. */
export interface CommandContext {
  readonly states: StateFolder;
  readonly reporter: Reporter;
  readonly output: Output;
  /** Aborts when the user interrupts the command, or when the command cannot continue. */
  readonly signal: AbortSignal;
  readonly client: TransferOptions;
  /** Sets the sentence that follows the message of a failure, such as how to continue. */
  setHint(hint: string | undefined): void;
}

/** Options of all commands that have a {@link CommandContext}. */
export interface TransferValues {
  readonly json: boolean;
  readonly 'retry-timeout': string;
  readonly state?: string | undefined;
}

/** Runs a command and resolves to the exit code; a signal aborts the command. Throws a {@link CommandFailure}. */
export async function runTransfer(
  role: 'sender' | 'receiver',
  values: TransferValues,
  run: (context: CommandContext) => Promise<void>,
): Promise<number> {
  const controller = new AbortController();
  const { signal } = controller;
  const abort = (failure: CommandFailure): void => controller.abort(failure);
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(name, () => abort(new CommandFailure(130, 'interrupted', 'Interrupted.')));
  }
  const retryTimeoutMs = parseDuration('--retry-timeout', values['retry-timeout']) * 1000;
  const output = createOutput(abort);
  const network = createNetwork(abort);
  const reporter = new Reporter({ isJson: values.json, role, output, getCause: () => network.cause });
  const states = new StateFolder(values.state, process.env, (message) => reporter.message(message));
  const client = { retryTimeoutMs, fetch: network.fetch, onState: states.save, onProgress: reporter.progress };
  let hint: string | undefined;
  const setHint = (next: string | undefined): void => {
    hint = next;
  };
  try {
    await states.sweep();
    await run({ states, reporter, output, signal, client, setHint });
    await output.flush();
    return 0;
  } catch (error) {
    throw toCommandFailure(signal.aborted ? signal.reason : error, { hint, cause: network.cause });
  }
}
