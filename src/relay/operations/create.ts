import type { CreateBody, NotificationToken } from '../../protocol/bodies.js';
import { buildUrlLink } from '../../protocol/share-url.js';
import { RelayError } from '../errors.js';
import { digestClaim } from '../mailbox/digests.js';
import { isMailbox, isRotationMarker, type MailboxRecord, RECORD_FORMAT } from '../mailbox/record.js';
import { openMailbox } from '../mailbox/transitions.js';
import type { Address } from '../store/codec.js';
import type { StoreBudget } from '../store/guarded-store.js';
import { findRecord, pauseBeforeRetry } from './commit.js';
import type { CandidateIdentifier, CreateCommand, CreateOperation, CreateOutcome, RelayContext } from './context.js';
import { assertInFuture, resolveDeadline } from './lifetime.js';

/** A create body with its deadline settled. */
interface WantedMailbox extends CreateBody {
  /** Unix time in ms, whole seconds. */
  readonly expiresAt: number;
}

/**
 * CreateMailbox (SCT and TIGRESS §6.1): a new mailbox with the caller as its bound sender. The identifier follows from
 * claim and request id, so that this is one put-if-absent, and a retry finds its own mailbox on any relay process.
 *
 * While server keys are rotated there is a place for it under each key. Processes go through the places in one order:
 * before the current key's they put up a signpost, from there on they open the mailbox. Whoever comes second finds
 * the one or the other and follows, so that two creates in flight under two current keys still open one mailbox.
 */
export const createMailbox: CreateOperation<WantedMailbox> = {
  name: 'create',
  parse(value, context) {
    const body = context.bodies.create(value);
    const expiresAt = resolveDeadline(body.mailboxConfiguration?.expiration, context.lifetime, context.clock());
    return { ...body, expiresAt };
  },
  async run(command, context) {
    const { authorize, budget } = command;
    const places = context.candidatesFor(command.claim, command.requestId);
    const current = places.findIndex((place) => place.current);
    // The put finds a retry by itself; but one that was carried out before is not for the hook to judge again.
    const opened = await findCreated(authorize === undefined ? places.slice(current + 1) : places, budget, context);
    if (opened !== undefined) return opened;
    if (authorize !== undefined) await budget.pausedDuring(() => authorize('sender'));
    // A hook takes its time, and the deadline that was ahead when the body was read may have come.
    assertInFuture(command.body.expiresAt, context.lifetime, context.clock());
    return createAtFirstFree(places, current, command, context);
  },
};

/** What was opened under keys behind the current one, before that was there to put up signposts. */
async function findCreated(
  places: readonly CandidateIdentifier[],
  budget: StoreBudget,
  context: RelayContext,
): Promise<CreateOutcome | undefined> {
  for (const { identifier } of places) {
    const address = context.toAddress(identifier);
    const found = await findRecord(context, address, budget);
    if (found !== undefined && !isRotationMarker(found.record)) return toDuplicate(found.record, address, context);
  }
  return undefined;
}

async function createAtFirstFree(
  places: readonly CandidateIdentifier[],
  current: number,
  command: CreateCommand<WantedMailbox>,
  context: RelayContext,
): Promise<CreateOutcome> {
  for (const [index, { identifier }] of places.entries()) {
    const address = context.toAddress(identifier);
    const wanted = index < current ? createRotationMarker(command) : createMailboxRecord(address, command, context);
    const { record, revision } = await insertOrFind(address, wanted, command.budget, context);
    if (isRotationMarker(record)) continue;
    if (revision === undefined) return toDuplicate(record, address, context);
    if (context.events.hasListeners('mailbox.created')) {
      context.events.emit('mailbox.created', { mailbox: context.hashMailbox(address) });
    }
    return { ...toOutcome(address, command.body.notificationToken, context), version: revision };
  }
  // Signposts all the way: a process with yet another key is at work.
  throw new RelayError('contention');
}

/** Puts the record if nothing is there; `revision` is that of the record put, and absent if another was found. */
async function insertOrFind(
  address: Address,
  wanted: MailboxRecord,
  budget: StoreBudget,
  context: RelayContext,
): Promise<{ record: MailboxRecord; revision?: string }> {
  const revision = context.random.revision();
  const value = context.codec.encode(wanted, address, revision, context.random.iv);
  for (let attempt = 0; ; attempt += 1) {
    if (await context.store.create(address.key, value, wanted.expiresAt, budget)) return { record: wanted, revision };
    const found = await findRecord(context, address, budget);
    if (found !== undefined) return { record: found.record };
    // It expired between the two calls.
    await pauseBeforeRetry(attempt, budget);
  }
}

function createMailboxRecord(
  address: Address,
  command: CreateCommand<WantedMailbox>,
  context: RelayContext,
): MailboxRecord {
  const { claim, body } = command;
  return openMailbox(
    {
      claim: digestClaim(address.identifier, claim),
      payload: body.payload,
      display: body.displayInformation,
      rights: body.mailboxConfiguration?.accessRights ?? context.defaultRights,
      expiresAt: body.expiresAt,
      token: body.notificationToken,
    },
    context.clock(),
  );
}

function createRotationMarker({ body }: CreateCommand<WantedMailbox>): MailboxRecord {
  return { format: RECORD_FORMAT, rotationMarker: true, expiresAt: body.expiresAt };
}

/** The answer to a retry: the same link, the token as it stands now; after a cancel the link of what is gone. */
function toDuplicate(record: MailboxRecord, address: Address, context: RelayContext): CreateOutcome {
  const token = isMailbox(record) ? record.sender.token : undefined;
  return { ...toOutcome(address, token, context), duplicate: true };
}

function toOutcome(address: Address, token: NotificationToken | undefined, context: RelayContext): CreateOutcome {
  return {
    address,
    body: {
      urlLink: buildUrlLink(context.base, address.identifier),
      isPushNotificationSupported: context.pushes.handles(token),
    },
  };
}
