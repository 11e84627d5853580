import { createSender, type SentShare, type TransferOptions } from '../client/index.js';
import type { Surroundings } from './context.js';
import { CommandFailure } from './errors.js';
import { linkOf } from './link.js';

/** Goes on with a share that was sent from here; the Secret of its link may be missing. `-` reads the link. */
export async function sentShare(
  argument: string,
  { states, signal }: Surroundings,
  client: TransferOptions,
): Promise<SentShare> {
  const { mailboxUrl } = await linkOf(argument, signal);
  const state = await states.find('sender', mailboxUrl);
  if (state === undefined) {
    throw new CommandFailure(
      1,
      'unknown',
      'No share of this link is under way in the state folder of this device (--state, RELAY_STATE).',
    );
  }
  const relay = mailboxUrl.replace(/\/v1\/m\/[^/]*$/, '');
  return createSender({ ...client, relay }).resume(state, { signal });
}
