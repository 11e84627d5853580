import type { Surroundings } from './context.js';
import { CommandFailure } from './errors.js';
import { sentShare } from './sent-share.js';
import { endOf } from './wait.js';

/** Deletes the mailbox of a share that was sent from here. Throws a {@link CommandFailure} if it had gone before. */
export async function cancel(url: string, surroundings: Surroundings): Promise<void> {
  const { teller, signal, client, advise } = surroundings;
  advise('It may be cancelled or not: call this again.');
  const share = await sentShare(url, surroundings, client);
  await share.cancel({ signal });
  const { ended } = share.state;
  if (ended === 'cancelled') {
    teller.tell({ event: 'cancelled' }, 'The share is cancelled.');
    return;
  }
  endOf(ended, teller);
  throw new CommandFailure(4, 'gone', 'It was too late to cancel it.');
}
