import type { TransferOptions } from '../client/index.js';
import type { Output } from './output.js';
import type { Teller } from './reporter.js';
import type { StateFolder } from './state-folder.js';

/** What the commands of a transfer share. */
export interface Surroundings {
  readonly states: StateFolder;
  readonly teller: Teller;
  readonly output: Output;
  /** Ends the command: the user has interrupted it, or it cannot go on. */
  readonly signal: AbortSignal;
  /** For the client: state, progress, network and patience. */
  readonly client: TransferOptions;
  /** Says what the user can do, if from now on the relay does not answer or the command is interrupted. */
  advise(words: string | undefined): void;
}
