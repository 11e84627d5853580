import type { TransferOptions } from '../client/index.js';
import type { StateFolder } from './state-folder.js';
import type { Teller } from './teller.js';

/** What the commands of a transfer share. */
export interface Surroundings {
  readonly states: StateFolder;
  readonly teller: Teller;
  /** Ends the command: the user has interrupted it. */
  readonly signal: AbortSignal;
  /** For the client: state, progress and patience. */
  readonly client: TransferOptions;
}
