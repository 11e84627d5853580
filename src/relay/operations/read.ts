import type { ReadBody } from '../../protocol/bodies.js';
import { formatExpiration } from '../../protocol/expiration.js';
import { digestClaim } from '../mailbox/digests.js';
import type { Role } from '../mailbox/roles.js';
import { createReadTransition } from '../mailbox/transitions.js';
import { type Committed, commit } from './commit.js';
import type { MailboxOperation, Outcome } from './context.js';
import { waitForChange } from './wait.js';

/**
 * ReadSecureContentFromMailbox (SCT and TIGRESS §6.5): the payload, to the sender, to the bound receiver, and to the
 * first other device that asks, which is thereby bound. A token in the body counts on that first read only. With
 * Prefer and Mailbox-Known-Version it is a long poll.
 */
export const readSecureContent: MailboxOperation<ReadBody> = {
  name: 'read',
  needsRequestId: false,
  takesBody: 'optional',
  mayWait: true,
  parse: (value, context) => (value === undefined ? {} : context.bodies.read(value)),
  async run(command, context) {
    const { address, claim, body, wait } = command;
    const transition = createReadTransition(digestClaim(address.identifier, claim), body.notificationToken);
    const read = (): Promise<Committed> => commit(context, address, transition, command);
    if (wait === undefined) return toContent(await read());
    const end = await waitForChange(read, command, wait, context);
    const waited = { seconds: wait.seconds, result: end.result };
    if (end.result === 'changed') return { ...toContent(end.current), waited };
    return { version: end.version, ...toReceiver(end.role, end.receiverBound), waited };
  },
};

function toContent({ mailbox, revision, role }: Committed): Outcome {
  return {
    version: revision,
    ...toReceiver(role, mailbox.receiver !== undefined),
    body: {
      payload: mailbox.payload,
      displayInformation: mailbox.display,
      expiration: formatExpiration(mailbox.expiresAt),
    },
  };
}

/** Only the sender may know whether a receiver is bound. */
function toReceiver(role: Role, isBound: boolean): Pick<Outcome, 'receiver'> {
  return role === 'sender' ? { receiver: isBound ? 'bound' : 'none' } : {};
}
