import type { UpdateBody } from '../../protocol/bodies.js';
import { digestClaim, digestUpdate, sameDigest } from '../mailbox/digests.js';
import { findVersion } from '../mailbox/record.js';
import { createUpdateTransition } from '../mailbox/transitions.js';
import { type Committed, commit } from './commit.js';
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
    const request = requestId === undefined ? undefined : digestUpdate(address.identifier, requestId);
    const transition = createUpdateTransition({
      claim: digestClaim(address.identifier, claim),
      request,
      payload: body.payload,
      token: body.notificationToken,
      knownVersion,
    });
    const committed = await commit(context, address, transition, command);
    const { mailbox, version, role, duplicate } = committed;
    return {
      duplicate,
      ...(duplicate && !isCurrent(committed, request) ? {} : { version }),
      body: { isPushNotificationSupported: context.pushes.handles(mailbox[role]?.token) },
    };
  },
};

/** True if the version that this update made is still current. Otherwise the answer to its retry has no version. */
function isCurrent({ mailbox, revision, role }: Committed, request: string | undefined): boolean {
  const newest = mailbox[role]?.updates.at(-1);
  if (request === undefined || newest === undefined) return false;
  return findVersion(mailbox, revision).by === role && sameDigest(newest, request);
}
