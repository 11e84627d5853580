import { isRetryable, TransferError } from './errors.js';
import type { WireResponse } from './http-request.js';
import { fingerprintPayload } from './information.js';
import { parseVersion } from './response-values.js';
import { getRetryDelay } from './retry.js';
import { addFingerprint, isKnown, type PendingWrite, type TransferState } from './state.js';
import { abortable, delay } from './timing.js';
import { ENDING_AFTER_DELETE, type Transfer } from './transfer.js';
import { buildWriteRequest, parseExpiration, parseLink, type ReadResult } from './wire.js';

/** A write may run into a changed mailbox so many times, without a new message in it, before the call fails. */
const MAXIMUM_REPETITIONS = 8;

/** Error codes about the app's credentials: the write may succeed with other credentials, so it stays pending. */
const CREDENTIAL_ERROR = /^(token|attestation)_/;

/** Sends the pending write of a transfer. Each write is in the saved state before it is sent, and takes effect once. */
export class PendingWrites {
  readonly #transfer: Transfer;
  /** Mailbox-Request-ID of a write that the relay may have received, although no response arrived. */
  #unconfirmedRequestId: string | undefined;

  constructor(transfer: Transfer) {
    this.#transfer = transfer;
    this.#unconfirmedRequestId = transfer.state.pending?.requestId;
  }

  /** Saves a write as pending, and sends it. Call it in a task of {@link Transfer.enqueueWrite} or for a new share. */
  async submit(write: Omit<PendingWrite, 'requestId'>, signal: AbortSignal | undefined): Promise<void> {
    const pending = { ...write, requestId: crypto.randomUUID() };
    await this.#transfer.store.save({ pending, ended: undefined });
    await this.sendPending(signal);
  }

  /** Sends the pending write until it is done or given up. Does nothing without one. */
  async sendPending(signal: AbortSignal | undefined): Promise<void> {
    const { store, connection } = this.#transfer;
    for (let repetitions = 0; store.state.pending !== undefined; repetitions += 1) {
      if (repetitions > 0) await delay(getRetryDelay(repetitions, connection.settings.retryDelayMs), signal);
      if (repetitions > MAXIMUM_REPETITIONS) throw new TransferError('unreachable', 'The mailbox keeps changing.');
      await abortable(store.ensureSaved(), signal);
      const write = await this.#resolveKnownVersion(store.state.pending, signal);
      const request = buildWriteRequest(write, store.state.claim);
      const wasUnconfirmed = this.#unconfirmedRequestId === write.requestId;
      this.#unconfirmedRequestId = write.requestId;
      // A server that is not a relay echoes no Mailbox-Request-ID. The 404 to a create must end the call there, too.
      const shouldRetry = (reply: WireResponse): boolean =>
        isRetryable(reply) && !(write.operation === 'create' && reply.status === 404);
      const { reply, attempts } = await connection.send(
        () => connection.sendOnce(request, signal),
        signal,
        shouldRetry,
      );
      await this.#handleResponse(write, reply, wasUnconfirmed || attempts > 1, signal);
    }
  }

  /** Ends the write, changes it, or throws, as the response requires. */
  async #handleResponse(
    write: PendingWrite,
    reply: WireResponse,
    wasSentBefore: boolean,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { operation } = write;
    if (reply.status >= 200 && reply.status < 300) return this.#complete(write, reply);
    if (reply.status === 404 && operation !== 'create') return this.#handleGone(write, reply, wasSentBefore);
    if (reply.status === 412) return this.#updateKnownVersion(write, signal);
    const error =
      reply.status === 404
        ? new TransferError('refused', 'No relay answers at this URL.', { status: 404 })
        : await this.#transfer.toError(reply);
    // After an error of a proxy, or about credentials, a later try may succeed.
    const isFinal = reply.isFromRelay || operation === 'create';
    if (isFinal && !CREDENTIAL_ERROR.test(error.relayCode ?? '')) await this.#discard(write, wasSentBefore);
    throw error;
  }

  async #handleGone(write: PendingWrite, reply: WireResponse, wasSentBefore: boolean): Promise<void> {
    // An earlier try of this delete has deleted the mailbox.
    if (write.operation === 'delete' && wasSentBefore) return this.#complete(write, reply);
    await this.#transfer.end(this.#transfer.inferEnding(reply));
    // The other device may have read a repeated message before the end. The next call reports the end.
    if (write.operation === 'update' && !wasSentBefore) throw this.#transfer.toGoneError();
  }

  /** Gives a write up. Without a mailbox, the transfer ends. */
  async #discard({ operation, written }: PendingWrite, mayHaveArrived = false): Promise<void> {
    const { store } = this.#transfer;
    this.#transfer.failedMessage = undefined;
    const wrote = addFingerprint(store.state.wrote, mayHaveArrived ? written : undefined);
    await store.save({ pending: undefined, wrote, ...(operation === 'create' ? { ended: 'cancelled' } : {}) });
  }

  async #complete(write: PendingWrite, reply: WireResponse): Promise<void> {
    const { operation } = write;
    if (operation === 'delete') return this.#transfer.end(ENDING_AFTER_DELETE[this.#transfer.state.role]);
    if (operation === 'relinquish') return this.#transfer.end('relinquished');
    if (operation === 'update') return this.#completeUpdate(write, reply);
    return this.#completeCreate(write, reply);
  }

  async #completeUpdate({ knownVersion, taken, written }: PendingWrite, reply: WireResponse): Promise<void> {
    const transfer = this.#transfer;
    const { seen, wrote } = transfer.state;
    const version = parseVersion(reply);
    // No other change came before this write, so the next held read can wait from its version.
    if (knownVersion === transfer.lastReadVersion) transfer.lastReadVersion = version;
    transfer.forget(taken);
    await this.#saveResult({
      version,
      pending: undefined,
      seen: addFingerprint(seen, taken),
      wrote: addFingerprint(wrote, written),
    });
    transfer.connection.report({ type: 'sent' });
  }

  async #completeCreate(write: PendingWrite, reply: WireResponse): Promise<void> {
    const { connection } = this.#transfer;
    const mailboxUrl = parseLink(reply, connection.settings.bases);
    if (mailboxUrl === undefined) {
      // The client may not call this mailbox, so the transfer ends.
      await this.#saveResult({ pending: undefined, ended: 'cancelled' });
      throw new TransferError('malformed', 'The link is not below sender.relay or sender.links.');
    }
    const version = parseVersion(reply);
    await this.#saveResult({ mailboxUrl, version, pending: undefined, expiration: parseExpiration(write) });
    connection.report({ type: 'created' });
  }

  /** Saves the result of a write. A failed save does not fail the write: the previous state repeats it without effect. */
  #saveResult(changes: Partial<TransferState>): Promise<void> {
    return this.#transfer.store.save(changes).catch(() => {});
  }

  /** After a 412, continues with the current version, unless it has a message that the app must receive first. */
  async #updateKnownVersion(write: PendingWrite, signal: AbortSignal | undefined): Promise<void> {
    this.#unconfirmedRequestId = undefined; // The relay answers 201, not 412, if an earlier try has arrived.
    const { version } = await this.#readBeforeWrite(write, signal);
    await this.#transfer.store.save({ pending: { ...write, knownVersion: version } });
  }

  /** Reads the mailbox for an update without a known version, because the update could replace an unread message. */
  async #resolveKnownVersion(write: PendingWrite, signal: AbortSignal | undefined): Promise<PendingWrite> {
    if (write.operation !== 'update' || write.knownVersion !== undefined || write.hasLooked === true) return write;
    const found = await this.#readBeforeWrite(write, signal);
    await this.#transfer.applyRead(found, true);
    const pending = { ...write, knownVersion: found.version, hasLooked: true };
    await this.#transfer.store.save({ pending });
    return pending;
  }

  /** Reads the mailbox. Gives the write up and throws if the write must not replace the content. */
  async #readBeforeWrite(write: PendingWrite, signal: AbortSignal | undefined): Promise<ReadResult> {
    const found = await this.#transfer.read(signal);
    const isReplaceable = isKnown(this.#transfer.state, await fingerprintPayload(found.payload));
    if (isReplaceable && write.sameReceiver !== true) return found;
    await this.#discard(write);
    if (!isReplaceable) {
      throw new TransferError('conflict', 'The other device has written a message; receive it first.');
    }
    await this.#transfer.applyRead(found, true);
    throw new TransferError('receiver_changed', 'Another receiver may be bound.');
  }
}
