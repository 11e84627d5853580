import { createSender, parseShareUrl } from '../client/index.js';
import { CommandFailure } from './outcome.js';
import type { Surroundings } from './surroundings.js';

/** Deletes the mailbox of a share that was sent from here; the Secret may be missing. Resolves to the exit code. */
export async function cancel(url: string, { states, teller, signal, client }: Surroundings): Promise<number> {
  const { mailboxUrl } = parseShareUrl(url);
  const state = await states.find('sender', mailboxUrl);
  if (state === undefined) {
    throw new CommandFailure(1, 'unknown', `No share of this link is under way here; looked in ${states.path}.`);
  }
  const relay = mailboxUrl.replace(/\/v1\/m\/[^/]*$/, '');
  const sender = createSender({ ...client, relay });
  const share = await sender.resume(state, { signal });
  await share.cancel({ signal });
  if (share.state.ended !== 'cancelled') return 4;
  teller.tell({ event: 'cancelled' }, 'The share is cancelled.');
  return 0;
}
