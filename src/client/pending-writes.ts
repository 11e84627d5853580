import { reportProgress, sendRequest, sendWithRetries } from './connection.js';
import { generateUuid } from './crypto.js';
import { isRetryable, TransferError } from './errors.js';
import type { WireResponse } from './http-message.js';
import { fingerprintPayload } from './information.js';
import { parseVersion } from './response-headers.js';
import { getRetryDelay } from './retry.js';
import { addFingerprint, isKnown, type PendingWrite, type TransferState, toGoneError } from './state.js';
import { abortable, delay, throwIfAborted } from './timing.js';
import { ENDING_AFTER_DELETE, type Transfer } from './transfer.js';
import { buildWriteRequest, parseExpiration, parseLink, parseToken, type ReadResult } from './wire.js';

/** A write may run into a changed mailbox so many times, without a new message in it, before the call fails. */
const MAXIMUM_REPETITIONS = 8;

/** A create is sent again so many times if its answer has no usable link. */
const MAXIMUM_CREATE_REPETITIONS = 2;

/** Statuses about the content of a create, which every try would get: no earlier try has created a mailbox. */
const CONTENT_REFUSED = [400, 413, 415];

/** Error codes about the app's credentials: the write may succeed with other credentials, so it stays pending. */
const CREDENTIAL_ERROR = /^(token|attestation)_/;

/** Saves a write as pending, and sends it. Call it in a task of {@link Transfer.writes} or for a new share. */
export async function submitWrite(
  transfer: Transfer,
  write: Omit<PendingWrite, 'requestId'>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const pending = { ...write, requestId: generateUuid(transfer.settings.crypto) };
  await transfer.store.save({ pending, ended: undefined });
  await sendPending(transfer, signal);
}

/** Sends the pending write until it is done or given up. Does nothing without one. */
export async function sendPending(transfer: Transfer, signal: AbortSignal | undefined): Promise<void> {
  const { store, settings } = transfer;
  for (let repetitions = 0; store.state.pending !== undefined; repetitions += 1) {
    if (repetitions > 0) await delay(getRetryDelay(repetitions, settings.retryDelayMs), signal);
    if (repetitions > MAXIMUM_REPETITIONS) throw new TransferError('unreachable', 'The mailbox keeps changing.');
    await abortable(store.ensureSaved(), signal);
    const write = await resolveKnownVersion(transfer, store.state.pending, signal);
    const request = buildWriteRequest(write, store.state.claim);
    const wasUnconfirmed = transfer.unconfirmedRequestId === write.requestId;
    transfer.unconfirmedRequestId = write.requestId;
    // A server that is not a relay echoes no Mailbox-Request-ID. The 404 to a create must end the call there, too.
    const shouldRetry = (reply: WireResponse): boolean =>
      isRetryable(reply) && !(write.operation === 'create' && reply.status === 404);
    let attempts = 0;
    const send = (): Promise<WireResponse> => {
      attempts += 1;
      return sendRequest(transfer, request, signal);
    };
    try {
      const { reply } = await sendWithRetries(transfer, send, signal, shouldRetry);
      const mayRepeat = write.operation === 'create' && repetitions < MAXIMUM_CREATE_REPETITIONS;
      if (mayRepeat && isCreatedWithoutLink(transfer, reply)) continue;
      await handleResponse(transfer, write, reply, wasUnconfirmed || attempts > 1, signal);
    } catch (error) {
      // No relay has received this create, so there is no share to continue.
      const isUnsent = error instanceof TransferError && ['redirected', 'not_sent'].includes(error.code);
      if (isUnsent && write.operation === 'create' && !wasUnconfirmed && attempts === 1) await discard(transfer, write);
      throw error;
    }
  }
}

/** Ends the write, changes it, or throws, as the response requires. */
async function handleResponse(
  transfer: Transfer,
  write: PendingWrite,
  reply: WireResponse,
  wasSentBefore: boolean,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { operation } = write;
  if (isSuccess(reply)) return complete(transfer, write, reply, signal);
  if (reply.status === 404 && operation !== 'create') return handleGone(transfer, write, reply, wasSentBefore);
  if (reply.status === 412) return updateKnownVersion(transfer, write, signal);
  const error =
    reply.status === 404
      ? new TransferError('refused', 'No relay answers at this URL.', { status: 404 })
      : await transfer.toError(reply);
  await transfer.forgetRefusedToken(parseToken(write.body), reply);
  // After an error of a proxy, or about credentials, a later try may succeed. An earlier try of a create may have
  // created the mailbox: then only another try gets its link.
  const isFinal = operation === 'create' ? !wasSentBefore || CONTENT_REFUSED.includes(reply.status) : reply.isFromRelay;
  if (isFinal && !CREDENTIAL_ERROR.test(error.relayCode ?? '')) await discard(transfer, write, wasSentBefore);
  throw error;
}

async function handleGone(
  transfer: Transfer,
  write: PendingWrite,
  reply: WireResponse,
  wasSentBefore: boolean,
): Promise<void> {
  // An earlier try of this delete has deleted the mailbox.
  if (write.operation === 'delete' && wasSentBefore) return transfer.end(ENDING_AFTER_DELETE[transfer.state.role]);
  await transfer.end(transfer.inferEnding(reply));
  // The other device may have read a repeated message before the end. The next call reports the end.
  if (write.operation === 'update' && !wasSentBefore) throw toGoneError(transfer.state);
}

/** Gives a write up. Without a mailbox, the transfer ends. */
async function discard(
  transfer: Transfer,
  { operation, written }: PendingWrite,
  mayHaveArrived = false,
): Promise<void> {
  const { store } = transfer;
  transfer.failedMessage = undefined;
  const wrote = addFingerprint(store.state.wrote, mayHaveArrived ? written : undefined);
  await store.save({ pending: undefined, wrote, ...(operation === 'create' && { ended: 'cancelled' }) });
}

async function complete(
  transfer: Transfer,
  write: PendingWrite,
  reply: WireResponse,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { operation } = write;
  if (operation === 'delete') return transfer.end(ENDING_AFTER_DELETE[transfer.state.role]);
  if (operation === 'relinquish') return transfer.end('relinquished');
  if (operation === 'update') return completeUpdate(transfer, write, reply);
  return completeCreate(transfer, write, reply, signal);
}

async function completeUpdate(transfer: Transfer, write: PendingWrite, reply: WireResponse): Promise<void> {
  const { knownVersion, taken, written } = write;
  const { seen, wrote } = transfer.state;
  const version = parseVersion(reply);
  // No other change came before this write, so the next held read can wait from its version.
  if (knownVersion === transfer.lastReadVersion) transfer.lastReadVersion = version;
  transfer.forget(taken);
  await saveResult(transfer, {
    ...transfer.noteWrite(write, reply),
    version,
    pending: undefined,
    seen: addFingerprint(seen, taken),
    wrote: addFingerprint(wrote, written),
  });
  reportProgress(transfer, { type: 'sent' });
}

async function completeCreate(
  transfer: Transfer,
  write: PendingWrite,
  reply: WireResponse,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { mailboxUrl, identifier } = parseLink(reply, transfer.settings.bases);
  if (mailboxUrl === undefined) return abandonCreate(transfer, write, identifier, signal);
  const version = parseVersion(reply);
  const result = { mailboxUrl, version, pending: undefined, expiration: parseExpiration(write) };
  await saveResult(transfer, { ...transfer.noteWrite(write, reply), ...result });
  reportProgress(transfer, { type: 'created' });
}

/** True for a success that names no mailbox. The same request may get the link: a relay repeats its first answer. */
function isCreatedWithoutLink({ settings }: Transfer, reply: WireResponse): boolean {
  if (!isSuccess(reply)) return false;
  const { mailboxUrl, identifier } = parseLink(reply, settings.bases);
  return (mailboxUrl ?? identifier) === undefined;
}

/**
 * The relay has created a mailbox whose link the client may not call, or does not know. Deletes the mailbox at the
 * relay that created it. If that is not possible, the create stays in the state: `resume` gets the link from the relay, with
 * the option `links` if the link is on another server.
 */
async function abandonCreate(
  transfer: Transfer,
  { url }: PendingWrite,
  identifier: string | undefined,
  signal: AbortSignal | undefined,
): Promise<never> {
  const message = 'The link of the new mailbox is missing, or is not on sender.relay or sender.links.';
  if (identifier === undefined) throw new TransferError('malformed', `${message} The state keeps the create.`);
  const deletion = {
    operation: 'delete',
    url: `${url}/${identifier}`,
    requestId: generateUuid(transfer.settings.crypto),
  } as const;
  const request = buildWriteRequest(deletion, transfer.state.claim);
  const reply = await sendRequest(transfer, request, signal).catch(() => throwIfAborted(signal));
  const isDeleted = reply !== undefined && isSuccess(reply) && reply.isFromRelay;
  if (isDeleted) await saveResult(transfer, { pending: undefined, ended: 'cancelled' });
  const outcome = isDeleted ? 'The client has deleted the mailbox.' : 'The state keeps the create.';
  throw new TransferError('malformed', `${message} ${outcome}`);
}

function isSuccess({ status }: WireResponse): boolean {
  return status >= 200 && status < 300;
}

/** Saves the result of a write. A failed save does not fail the write: the previous state repeats it without effect. */
function saveResult(transfer: Transfer, changes: Partial<TransferState>): Promise<void> {
  return transfer.store.save(changes).catch(() => {});
}

/** After a 412, continues with the current version, unless it has a message that the app must receive first. */
async function updateKnownVersion(
  transfer: Transfer,
  write: PendingWrite,
  signal: AbortSignal | undefined,
): Promise<void> {
  transfer.unconfirmedRequestId = undefined; // The relay answers 201, not 412, if an earlier try has arrived.
  const { version } = await readBeforeWrite(transfer, write, signal);
  await transfer.store.save({ pending: { ...write, knownVersion: version } });
}

/** Reads the mailbox for an update without a known version, because the update could replace an unread message. */
async function resolveKnownVersion(
  transfer: Transfer,
  write: PendingWrite,
  signal: AbortSignal | undefined,
): Promise<PendingWrite> {
  if (write.operation !== 'update' || write.knownVersion !== undefined || write.hasLooked === true) return write;
  const found = await readBeforeWrite(transfer, write, signal);
  await transfer.applyRead(found, true);
  const pending = { ...write, knownVersion: found.version, hasLooked: true };
  await transfer.store.save({ pending });
  return pending;
}

/** Reads the mailbox. Gives the write up and throws if the write must not replace the content. */
async function readBeforeWrite(
  transfer: Transfer,
  write: PendingWrite,
  signal: AbortSignal | undefined,
): Promise<ReadResult> {
  const found = await transfer.read(signal);
  const isReplaceable = isKnown(transfer.state, await fingerprintPayload(found.payload, transfer.settings.crypto));
  if (isReplaceable && write.sameReceiver !== true) return found;
  await discard(transfer, write);
  if (!isReplaceable) {
    throw new TransferError('conflict', 'The other device has written a message; receive it first.');
  }
  await transfer.applyRead(found, true);
  throw new TransferError('receiver_changed', 'Another receiver may be bound.');
}
