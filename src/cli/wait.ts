import {
  createSender,
  type Ending,
  type SentShare,
  type TransferOptions,
  type TransferState,
} from '../client/index.js';
import { toBase } from '../client/links.js';
import type { CommandContext } from './context.js';
import { CommandFailure } from './errors.js';
import { readLink } from './link.js';
import type { Reporter } from './reporter.js';

const ENDING_MESSAGES: Readonly<Partial<Record<Ending, string>>> = {
  deleted: 'The receiver has finished.',
  cancelled: 'The share was cancelled.',
  expired: 'The share has expired.',
};

/** Waits for the end of a share that this device sent. */
export class ShareWaiter {
  readonly #context: CommandContext;
  #isCancelled = false;

  constructor(context: CommandContext) {
    this.#context = context;
  }

  /** For the option `onState` of the sender. */
  readonly onState = async (state: TransferState): Promise<void> => {
    const { states } = this.#context;
    // The relay does not tell which device deleted the mailbox; the state file shows a `cancel` of this device.
    if (state.ended === 'deleted') this.#isCancelled = await states.isCancelled(state);
    await states.save(state);
  };

  /** Throws a {@link CommandFailure} unless the receiver finishes the share. */
  async waitForEnd(share: SentShare): Promise<void> {
    const { states, reporter, signal, setHint } = this.#context;
    setHint('The link still works. To wait again, run `credential-relay wait` with the link.');
    const lock = await states.lock('sender', share.state.mailboxUrl ?? '');
    try {
      // `receive` sends no messages; messages of other receivers have no meaning here.
      while ((await share.next({ signal })) !== undefined);
    } finally {
      await lock.release();
    }
    const ending = this.#isCancelled ? 'cancelled' : share.state.ended;
    reportEnding(ending, reporter);
    if (ending !== 'deleted') throw new CommandFailure(4, 'gone', 'The receiver has not finished.');
  }
}

/** Waits for the end of a share that this device sent before. */
export async function wait(url: string, context: CommandContext): Promise<void> {
  const { client, reporter } = context;
  const waiter = new ShareWaiter(context);
  const share = await resumeSentShare(url, context, { ...client, onState: waiter.onState });
  reporter.message('Waiting for the receiver.');
  if (share.state.bound) reporter.event({ event: 'opened' }, 'The receiver has opened the link.');
  await waiter.waitForEnd(share);
}

/** Deletes the mailbox of a share. Throws a {@link CommandFailure} if the share ended before. */
export async function cancel(url: string, context: CommandContext): Promise<void> {
  const { reporter, signal, client, setHint } = context;
  setHint('The share may be cancelled or not: run the command again.');
  const share = await resumeSentShare(url, context, client);
  await share.cancel({ signal });
  const { ended } = share.state;
  if (ended === 'cancelled') {
    reporter.event({ event: 'cancelled' }, 'The share is cancelled.');
    return;
  }
  reportEnding(ended, reporter);
  throw new CommandFailure(4, 'gone', 'The share ended before it could be cancelled.');
}

/** The link needs no Secret. */
async function resumeSentShare(
  argument: string,
  { states, signal }: CommandContext,
  client: TransferOptions,
): Promise<SentShare> {
  const { mailboxUrl } = await readLink(argument, signal);
  const state = await states.find('sender', mailboxUrl);
  if (state === undefined) {
    const message = 'The state folder (--state, RELAY_STATE) has no share in progress with this link.';
    throw new CommandFailure(1, 'unknown', message);
  }
  return createSender({ ...client, relay: toBase(mailboxUrl) }).resume(state, { signal });
}

function reportEnding(how: Ending | undefined, reporter: Reporter): void {
  reporter.event({ event: 'ended', how }, ENDING_MESSAGES[how ?? 'deleted']);
}
