import type { NotificationToken } from '../protocol/bodies.js';
import { createMessageReader, type Message, type MessageReader } from './message-reader.js';
import type { CallOptions, Settings } from './options.js';
import type { StateStore, TransferState } from './state.js';
import { createTransfer, type Transfer } from './transfer.js';
import { createWrites, type SendReply, type Writes } from './writes.js';

/** What either device can do with a share. */
export interface Share {
  /** As it is now; `onState` is given each of these. It holds Device Claim and Secret. */
  readonly state: TransferState;
  /**
   * A new message if there is one now, else `undefined`. Does not wait: good after a push. As to when a message counts
   * as dealt with, see `next`. Throws {@link TransferError}.
   */
  check(options?: CallOptions): Promise<Message | undefined>;
  /**
   * Puts a message into the mailbox, once. Called again with the same one after it failed as `unreachable`, and before
   * another message has come, it carries that very write on. Resolves as well if the mailbox went while it was being repeated: the next call tells. Throws
   * {@link TransferError}: `conflict` if the other device has written meanwhile.
   */
  readonly reply: SendReply;
}

/** What a share is made of. */
export interface ShareParts {
  readonly transfer: Transfer;
  readonly writes: Writes;
  readonly reader: MessageReader;
}

/** Makes what both sides of a share are made of. `token` is left with the relay by the read that binds. */
export function createShareParts(journal: StateStore, settings: Settings, token?: NotificationToken): ShareParts {
  const transfer = createTransfer(journal, settings, token);
  const writes = createWrites(transfer);
  return { transfer, writes, reader: createMessageReader(transfer, writes) };
}
