import type { ReadBody } from '../../protocol/bodies.js';
import { formatExpiration } from '../../protocol/expiration.js';
import { digestClaim } from '../mailbox/digests.js';
import type { Role } from '../mailbox/roles.js';
import { createReadTransition } from '../mailbox/transitions.js';
import { type Committed, commit } from './commit.js';
import type { MailboxOperation, Outcome, RelayContext } from './context.js';
import { waitForChange } from './wait.js';

/**
 * ReadSecureContentFromMailbox (SCT and TIGRESS §6.5): the payload, for the sender, the bound receiver, and the first
 * other device that reads. That first read binds the device as the receiver. A read of a bound device may bring a token,
 * which replaces its earlier token. With Prefer and Mailbox-Known-Version the read is a long poll (docs/protocol.md §8).
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
    const answer = (committed: Committed): Outcome => toContent(committed, body, context);
    if (wait === undefined) return answer(await read());
    const ended = await waitForChange(read, command, wait, context);
    const waited = { seconds: wait.seconds, result: ended.result };
    if (ended.result === 'changed') return { ...answer(ended.current), waited };
    return { version: ended.version, ...toReceiver(ended.role, ended.receiverBound), waited };
  },
};

function toContent({ mailbox, version, role }: Committed, request: ReadBody, context: RelayContext): Outcome {
  // About the token as it stands now: another request of the device may have replaced the token during a wait.
  const isPushNotificationSupported = context.pushes.handles(mailbox[role]?.token);
  return {
    version,
    ...toReceiver(role, mailbox.receiver !== undefined),
    body: {
      payload: mailbox.payload,
      displayInformation: mailbox.display,
      expiration: formatExpiration(mailbox.expiresAt),
      ...(request.notificationToken === undefined ? {} : { isPushNotificationSupported }),
    },
  };
}

/** Mailbox-Receiver is for the sender only (docs/protocol.md §8). */
function toReceiver(role: Role, isBound: boolean): Pick<Outcome, 'receiver'> {
  return role === 'sender' ? { receiver: isBound ? 'bound' : 'none' } : {};
}
