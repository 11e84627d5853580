import type { UpdateBody } from '../../protocol/bodies.js';
import { digestClaim, digestUpdate } from '../mailbox/digests.js';
import { createUpdateTransition } from '../mailbox/transitions.js';
import { commit } from './commit.js';
import type { MailboxOperation } from './context.js';

/**
 * UpdateMailbox (SCT and TIGRESS §6.2): a bound device replaces the payload. The two devices need not take turns. With
 * Mailbox-Known-Version the update fails if the mailbox has changed since that version (docs/protocol.md §8).
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
