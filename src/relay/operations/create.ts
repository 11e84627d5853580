import type { CreateBody, NotificationToken } from '../../protocol/bodies.js';
import { buildUrlLink } from '../../protocol/mailbox-url.js';
import { RelayError } from '../errors.js';
import { digestClaim } from '../mailbox/digests.js';
import { findVersion, isMailbox, isRotationMarker, type MailboxRecord, RECORD_FORMAT } from '../mailbox/record.js';
import { openMailbox } from '../mailbox/transitions.js';
import type { Address } from '../store/codec.js';
import type { StoreBudget } from '../store/guarded-store.js';
import { findRecord, pauseBeforeRetry } from './commit.js';
import type { CandidateIdentifier, CreateCommand, CreateOperation, CreateOutcome, RelayContext } from './context.js';
import { assertInFuture, resolveDeadline } from './lifetime.js';

/** A create body and the deadline of its mailbox. */
interface CreateRequest extends CreateBody {
  /** Unix time in ms, whole seconds. */
  readonly expiresAt: number;
}

/**
 * CreateMailbox (SCT and TIGRESS §6.1): a new mailbox with the caller as its bound sender. The identifier is derived
 * from claim and request id, so a create is one put-if-absent, and a retry finds its mailbox from any relay process.
 *
 * During a rotation of server keys there is one candidate identifier per key. All processes try the candidates in one
 * order. They put a rotation marker at each candidate before the one of their current key, and the mailbox at the first
 * free candidate from there on. A second create finds the marker or the mailbox. Two concurrent creates under different
 * current keys therefore create one mailbox.
 */
export const createMailbox: CreateOperation<CreateRequest> = {
  name: 'create',
  parse(value, context) {
    const body = context.bodies.create(value);
    const expiresAt = resolveDeadline(body.mailboxConfiguration?.expiration, context.lifetime, context.clock());
    return { ...body, expiresAt };
  },
  async run(command, context) {
    const { authorize, budget } = command;
    const candidates = context.candidatesFor(command.claim, command.requestId);
    const current = candidates.findIndex((candidate) => candidate.current);
    // The put detects a retry. With an authorize hook, look first, so that the hook is not called for a duplicate.
    const searched = authorize === undefined ? candidates.slice(current + 1) : candidates;
    const existing = await findExisting(searched, budget, context);
    if (existing !== undefined) return existing;
    if (authorize !== undefined) await budget.pausedDuring(() => authorize('sender'));
    // The deadline may have passed during the hook.
    assertInFuture(command.body.expiresAt, context.lifetime, context.clock());
    return createAtFirstFree(candidates, current, command, context);
  },
};

/** Finds a mailbox that was created under another key, before the current key put markers there. */
async function findExisting(
  candidates: readonly CandidateIdentifier[],
  budget: StoreBudget,
  context: RelayContext,
): Promise<CreateOutcome | undefined> {
  for (const { identifier } of candidates) {
    const address = context.toAddress(identifier);
    const found = await findRecord(context, address, budget);
    if (found !== undefined && !isRotationMarker(found.record))
      return toDuplicate(found.record, found.revision, address, context);
  }
  return undefined;
}

async function createAtFirstFree(
  candidates: readonly CandidateIdentifier[],
  current: number,
  command: CreateCommand<CreateRequest>,
  context: RelayContext,
): Promise<CreateOutcome> {
  for (const [index, { identifier }] of candidates.entries()) {
    const address = context.toAddress(identifier);
    const written = context.random.revision();
    const newRecord =
      index < current ? createRotationMarker(command) : createMailboxRecord(address, written, command, context);
    const { record, revision } = await insertOrFind(address, newRecord, written, command.budget, context);
    if (isRotationMarker(record)) continue;
    if (revision !== written) return toDuplicate(record, revision, address, context);
    if (context.events.hasListeners('mailbox.created')) {
      context.events.emit('mailbox.created', { mailbox: context.hashMailbox(address) });
    }
    return { ...toOutcome(address, command.body.notificationToken, context), version: revision };
  }
  // Every candidate has a marker: another process uses a key that this process does not know.
  throw new RelayError('contention');
}

/** Puts the record under a new revision if the address is free. Otherwise finds the record there and its revision. */
async function insertOrFind(
  address: Address,
  newRecord: MailboxRecord,
  revision: string,
  budget: StoreBudget,
  context: RelayContext,
): Promise<{ record: MailboxRecord; revision: string }> {
  const value = context.codec.encode(newRecord, address, revision, context.random.iv);
  for (let attempt = 0; ; attempt += 1) {
    const isPut = await context.store.create(address.key, value, newRecord.expiresAt, budget);
    if (isPut) return { record: newRecord, revision };
    const found = await findRecord(context, address, budget);
    if (found !== undefined) return found;
    // The record expired between the two calls.
    await pauseBeforeRetry(attempt, budget);
  }
}

function createMailboxRecord(
  address: Address,
  revision: string,
  command: CreateCommand<CreateRequest>,
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
      revision,
    },
    context.clock(),
  );
}

function createRotationMarker({ body }: CreateCommand<CreateRequest>): MailboxRecord {
  return { format: RECORD_FORMAT, rotationMarker: true, expiresAt: body.expiresAt };
}

/**
 * The answer to a retry: the same link, the current token, and the version while it is still that of the create; after a
 * cancel, the link of the deleted mailbox.
 */
function toDuplicate(record: MailboxRecord, revision: string, address: Address, context: RelayContext): CreateOutcome {
  if (!isMailbox(record)) return { ...toOutcome(address, undefined, context), duplicate: true };
  const { version, by } = findVersion(record, revision);
  const outcome = { ...toOutcome(address, record.sender.token, context), duplicate: true };
  return by === 'create' ? { ...outcome, version } : outcome;
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
