import type { UpdateBody } from '../../protocol/bodies.js';
import { digestClaim, digestUpdate } from '../mailbox/digests.js';
import { createUpdateTransition } from '../mailbox/transitions.js';
import { commit } from './commit.js';
import type { MailboxOperation } from './context.js';

/**
 * UpdateMailbox (SCT and TIGRESS §6.2): one bound device replaces the payload for the other to read. Any number of
 * rounds, not necessarily in turns; with Mailbox-Known-Version only if nobody wrote in between.
 */
export const updateMailbox: MailboxOperation<UpdateBody> = {
  name: 'update',
  needsRequestId: true,
  mayWait: false,
  takesBody: 'required',
  parse: (value, context) => context.bodies.update(value),
  async run(command, context) {
    const { address, claim, requestId, knownVersion, body } = command;
    const transition = createUpdateTransition({
      claim: digestClaim(address.identifier, claim),
      request: requestId === undefined ? undefined : digestUpdate(address.identifier, requestId),
      payload: body.payload,
      token: body.notificationToken,
      knownVersion,
    });
    const { mailbox, revision, role, duplicate } = await commit(context, address, transition, command);
    return {
      duplicate,
      ...(duplicate ? {} : { version: revision }),
      body: { isPushNotificationSupported: context.pushes.handles(mailbox[role]?.token) },
    };
  },
};
