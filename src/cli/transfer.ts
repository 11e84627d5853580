import type { Surroundings } from './context.js';
import { secondsOf } from './durations.js';
import { CommandFailure, failureOf } from './errors.js';
import { createNetwork } from './network.js';
import { createOutput } from './output.js';
import { createTeller } from './reporter.js';
import { stateFolder } from './state-folder.js';

/** Options of all commands of a transfer. */
export interface TransferValues {
  readonly json: boolean;
  readonly 'retry-timeout': string;
  readonly state?: string | undefined;
}

/** Runs a command of a transfer, which signals end in good order. Throws a {@link CommandFailure}. */
export async function transfer(
  side: 'sender' | 'receiver',
  values: TransferValues,
  run: (surroundings: Surroundings) => Promise<void>,
): Promise<number> {
  const controller = new AbortController();
  const { signal } = controller;
  const giveUp = (failure: CommandFailure): void => controller.abort(failure);
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(name, () => giveUp(new CommandFailure(130, 'interrupted', 'Interrupted.')));
  }
  const retryTimeoutMs = secondsOf('--retry-timeout', values['retry-timeout']) * 1000;
  const output = createOutput(giveUp);
  const network = createNetwork(giveUp);
  const teller = createTeller({ isJson: values.json, side, output, cause: () => network.cause });
  const states = stateFolder(values.state, process.env, teller.say);
  const client = { retryTimeoutMs, fetch: network.fetch, onState: states.keep, onProgress: teller.progress };
  let advice: string | undefined;
  const advise = (words: string | undefined): void => {
    advice = words;
  };
  try {
    await states.sweep();
    await run({ states, teller, output, signal, client, advise });
    await output.flushed();
    return 0;
  } catch (error) {
    throw failureOf(signal.aborted ? signal.reason : error, { advice, cause: network.cause });
  }
}
