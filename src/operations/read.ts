import { claimDigest } from '../mailbox/digests.js';
import { readTransition } from '../mailbox/transitions.js';
import type { ReadBody } from '../protocol/bodies.js';
import { formatExpiration } from '../protocol/expiration.js';
import { commit } from './commit.js';
import type { Operation } from './context.js';

/**
 * ReadSecureContentFromMailbox (SCT and TIGRESS §6.5): the payload, to the sender, to the bound receiver, and to the
 * first other device that asks, which is thereby bound. A token in the body counts on that first read only.
 */
export const readSecureContent: Operation<ReadBody> = {
  name: 'read',
  needsClaim: true,
  needsRequestId: false,
  takesBody: 'optional',
  parse: (value, context) => (value === undefined ? {} : context.bodies.read(value)),
  async run(command, context) {
    const { address, claim, body } = command;
    const transition = readTransition(claimDigest(address.identifier, claim), body.notificationToken);
    const { mailbox, revision, role } = await commit(context, address, transition, command);
    return {
      address,
      version: revision,
      ...(role === 'sender' ? { receiver: mailbox.receiver === undefined ? 'none' : 'bound' } : {}),
      body: {
        payload: mailbox.payload,
        displayInformation: mailbox.display,
        expiration: formatExpiration(mailbox.expiresAt),
      },
    };
  },
};
