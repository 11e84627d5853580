import type { Ending, SaveState, SentShare } from '../client/index.js';
import type { Surroundings } from './context.js';
import { CommandFailure } from './errors.js';
import type { Teller } from './reporter.js';
import { sentShare } from './sent-share.js';

const ENDINGS: Readonly<Partial<Record<Ending, string>>> = {
  deleted: 'The receiver has finished.',
  cancelled: 'The share was cancelled.',
  expired: 'The share has expired.',
};

/** Tells how a share has ended. */
export function endOf(how: Ending | undefined, teller: Teller): void {
  teller.tell({ event: 'ended', how }, ENDINGS[how ?? 'deleted']);
}

/** Watches over one share that was sent from here. */
export interface Watch {
  /** For the sender: what becomes of the share. */
  readonly onState: SaveState;
  /** Stays until the mailbox is gone; what happens is told meanwhile. Throws a {@link CommandFailure} unless finished. */
  watch(share: SentShare): Promise<void>;
}

/** Makes a watch. */
export function createWatch({ states, teller, signal, advise }: Surroundings): Watch {
  let isCancelled = false;
  return {
    async onState(state) {
      // The mailbox does not tell who deleted it; what `cancel` has done to the state does.
      if (state.ended === 'deleted') isCancelled = await states.isCancelled(state);
      await states.keep(state);
    },
    async watch(share) {
      advise(
        'The link still works; only the watching has stopped: `credential-relay wait` and the link go on with it.',
      );
      const lock = await states.lock('sender', share.state.mailboxUrl ?? '');
      try {
        // A receiver of files has no messages; one of another make may, and they are none of ours.
        while ((await share.next({ signal })) !== undefined);
      } finally {
        await lock.release();
      }
      const how = isCancelled ? 'cancelled' : share.state.ended;
      endOf(how, teller);
      if (how !== 'deleted') throw new CommandFailure(4, 'gone', 'The receiver has not finished.');
    },
  };
}

/** Goes on watching a share that was sent from here. Throws a {@link CommandFailure} unless the receiver finishes. */
export async function wait(url: string, surroundings: Surroundings): Promise<void> {
  const { client, teller } = surroundings;
  const { onState, watch } = createWatch(surroundings);
  const share = await sentShare(url, surroundings, { ...client, onState });
  teller.say('Watching the share.');
  if (share.state.bound) teller.tell({ event: 'opened' }, 'The receiver has opened it.');
  await watch(share);
}
