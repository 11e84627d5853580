import type { ReadBody } from '../../protocol/bodies.js';
import { formatExpiration } from '../../protocol/expiration.js';
import { claimDigest } from '../mailbox/digests.js';
import { readTransition } from '../mailbox/transitions.js';
import type { Address } from '../store/codec.js';
import { type Committed, commit } from './commit.js';
import type { Operation, Outcome } from './context.js';
import { waitForChange } from './wait.js';

/**
 * ReadSecureContentFromMailbox (SCT and TIGRESS §6.5): the payload, to the sender, to the bound receiver, and to the
 * first other device that asks, which is thereby bound. A token in the body counts on that first read only. With
 * Prefer and Mailbox-Known-Version it is a long poll.
 */
export const readSecureContent: Operation<ReadBody> = {
  name: 'read',
  needsClaim: true,
  needsRequestId: false,
  takesBody: 'optional',
  mayWait: true,
  parse: (value, context) => (value === undefined ? {} : context.bodies.read(value)),
  async run(command, context) {
    const { address, claim, body, wait } = command;
    const transition = readTransition(claimDigest(address.identifier, claim), body.notificationToken);
    const read = (): Promise<Committed> => commit(context, address, transition, command);
    if (wait === undefined) return toContent(await read(), address);
    const { current, result } = await waitForChange(read, command, wait, context);
    return { ...toContent(current, address), waited: { seconds: wait.seconds, result } };
  },
};

function toContent({ mailbox, revision, role }: Committed, address: Address): Outcome {
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
}
