import { digestClaim } from '../mailbox/digests.js';
import { createDeleteTransition } from '../mailbox/transitions.js';
import { commit } from './commit.js';
import type { MailboxOperation } from './context.js';

/**
 * DeleteMailbox (SCT and TIGRESS §6.3): the receiver ends the transfer, or the sender cancels it. A tombstone remains.
 * Every later operation gets 404, a repeated delete too (docs/protocol.md §3).
 */
export const deleteMailbox: MailboxOperation<undefined> = {
  name: 'delete',
  needsRequestId: true,
  mayWait: false,
  takesBody: 'ignored',
  parse: () => undefined,
  async run(command, context) {
    const { address, claim } = command;
    await commit(context, address, createDeleteTransition(digestClaim(address.identifier, claim)), command);
    return {};
  },
};
