import { digestClaim, digestRelinquish } from '../mailbox/digests.js';
import { createRelinquishTransition } from '../mailbox/transitions.js';
import { commit } from './commit.js';
import type { MailboxOperation } from './context.js';

/**
 * RelinquishMailbox (SCT and TIGRESS §6.6): unbinds the receiver, so that a read of another device can bind that
 * device.
 */
export const relinquishMailbox: MailboxOperation<undefined> = {
  name: 'relinquish',
  needsRequestId: true,
  mayWait: false,
  takesBody: 'ignored',
  parse: () => undefined,
  async run(command, context) {
    const { address, claim, requestId } = command;
    const request = requestId === undefined ? undefined : digestRelinquish(address.identifier, requestId);
    const transition = createRelinquishTransition(digestClaim(address.identifier, claim), request);
    const { duplicate } = await commit(context, address, transition, command);
    return { duplicate };
  },
};
