import { claimDigest } from '../mailbox/digests.js';
import { isTombstone, type MailboxRecord } from '../mailbox/record.js';
import { openMailbox } from '../mailbox/transitions.js';
import type { CreateBody, NotificationToken } from '../protocol/bodies.js';
import { deadlineFor } from '../protocol/expiration.js';
import { urlLinkFor } from '../protocol/share-url.js';
import { findRecord, pauseBeforeRetry } from './commit.js';
import type { Command, Operation, Outcome, RelayContext } from './context.js';

/** A create body with its deadline settled. */
interface WantedMailbox extends CreateBody {
  /** Unix time in ms, whole seconds. */
  readonly expiresAt: number;
}

/**
 * CreateMailbox (SCT and TIGRESS §6.1): a new mailbox with the caller as its bound sender. The identifier follows from
 * claim and request id, so that this is one put-if-absent, and a retry finds its own mailbox on any relay process.
 */
export const createMailbox: Operation<WantedMailbox> = {
  name: 'create',
  needsClaim: true,
  needsRequestId: true,
  takesBody: 'required',
  parse(value, context) {
    const body = context.bodies.create(value);
    const expiresAt = deadlineFor(body.mailboxConfiguration?.expiration, context.lifetime, context.clock());
    return { ...body, expiresAt };
  },
  async run(command, context) {
    return (await findUnderPreviousKeys(command, context)) ?? putIfAbsent(command, context);
  },
};

/** After a rotation a retry may mean a mailbox that a previous key named. */
async function findUnderPreviousKeys(
  { claim, requestId, budget }: Command<WantedMailbox>,
  context: RelayContext,
): Promise<Outcome | undefined> {
  for (const identifier of context.identifiers.previous(claim, requestId)) {
    const found = await findRecord(context, context.address(identifier), budget);
    if (found !== undefined) return duplicateOf(found.record, identifier, context);
  }
  return undefined;
}

async function putIfAbsent(command: Command<WantedMailbox>, context: RelayContext): Promise<Outcome> {
  const { claim, requestId, body, budget } = command;
  const identifier = context.identifiers.current(claim, requestId);
  const address = context.address(identifier);
  const mailbox = openMailbox(
    {
      claim: claimDigest(identifier, claim),
      payload: body.payload,
      display: body.displayInformation,
      rights: body.mailboxConfiguration?.accessRights ?? context.defaultRights,
      expiresAt: body.expiresAt,
      token: body.notificationToken,
    },
    context.clock(),
  );
  const revision = context.random.revision();
  const value = context.codec.encode(mailbox, address, revision, context.random.iv);

  for (let attempt = 0; ; attempt += 1) {
    if (await context.store.create(address.key, value, mailbox.expiresAt, budget)) {
      if (context.events.heard('mailbox.created')) {
        context.events.emit('mailbox.created', { mailbox: context.pseudonym(address) });
      }
      return { ...answer(identifier, body.notificationToken, context), version: revision };
    }
    const found = await findRecord(context, address, budget);
    if (found !== undefined) return duplicateOf(found.record, identifier, context);
    // It expired between the two calls.
    await pauseBeforeRetry(attempt, budget);
  }
}

/** The answer to a retry: the same link, the token as it stands now; after a cancel the link of what is gone. */
function duplicateOf(record: MailboxRecord, identifier: string, context: RelayContext): Outcome {
  const token = isTombstone(record) ? undefined : record.sender.token;
  return { ...answer(identifier, token, context), duplicate: true };
}

function answer(identifier: string, token: NotificationToken | undefined, context: RelayContext): Outcome {
  return {
    address: context.address(identifier),
    body: {
      urlLink: urlLinkFor(context.base, identifier),
      isPushNotificationSupported: context.canNotify(token),
    },
  };
}
