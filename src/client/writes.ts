import type { NotificationToken } from '../protocol/bodies.js';
import { isRetryable, TransferError } from './errors.js';
import { encodeInformation, fingerprintPayload, type OutgoingInformation, openText } from './information.js';
import type { CallOptions, Settings } from './options.js';
import { abortable, delay, parseVersion, retryDelay, type WireResponse } from './request.js';
import { seal } from './seal.js';
import { addFingerprint, isKnown, type PendingWrite, type TransferState } from './state.js';
import { OWN_DELETE, type Transfer } from './transfer.js';
import { parseExpiration, parseLink, type ReadResult, writeRequest } from './wire.js';

/** Times that a write is sent anew, as the mailbox has changed and holds nothing new. */
const MOST_ROUNDS = 8;

/** A refusal of the caller's credentials, not of the write: it may be sent again with better ones. */
const CREDENTIALS = /^(token|attestation)_/;

/** The writes of one transfer: each is in the state, and kept, before it is sent, and takes effect once. */
export interface Writes {
  /** Carries out the write that the state holds, if there is one. */
  settle(signal: AbortSignal | undefined): Promise<void>;
  /** Puts a write into the state and carries it out. Not for use outside of `inTurn`. */
  carryOut(write: Omit<PendingWrite, 'requestId'>, signal: AbortSignal | undefined): Promise<void>;
  /** UpdateMailbox with a sealed message. */
  readonly reply: SendReply;
  /** DeleteMailbox or RelinquishMailbox; resolves as well if the mailbox is gone already. */
  leave(operation: 'delete' | 'relinquish', options?: CallOptions): Promise<void>;
}

/** What an answer can be told. */
export interface ReplyOptions {
  /** Ends the call; the message stays in the state, and is sent by the next call. */
  readonly signal?: AbortSignal | undefined;
  /** Where the relay is to push to when the other device writes. */
  readonly notificationToken?: NotificationToken | undefined;
  /**
   * Of a sender: the message is for the receiver that it has last seen. If the mailbox has changed since without a
   * message, that one may have given its place to another: throws `receiver_changed`, and nothing was sent. The state is
   * up to date then, and the same answer may be given again. It cannot tell who wrote a message that came after the
   * place had changed hands, and is of no use at a relay that has no versions. Default false: for whoever is the receiver.
   */
  readonly sameReceiver?: boolean | undefined;
}

/** Puts a message into the mailbox. */
export type SendReply = (information: OutgoingInformation, options?: ReplyOptions) => Promise<void>;

/** Throws `too_large` for a body that the relay would not take. */
export function assertSize(body: string, { maximumBodyBytes: maximum }: Settings): void {
  const bytes = new TextEncoder().encode(body).length;
  if (bytes <= maximum) return;
  throw new TransferError('too_large', `The sealed message makes ${bytes} bytes; the relay takes ${maximum}.`);
}

/** Makes the writes of one transfer. */
export function createWrites(transfer: Transfer): Writes {
  const { store: journal, settings } = transfer;
  /** The write that may have reached the relay without our knowing. */
  let doubtful = journal.state.pending?.requestId;

  async function settle(signal: AbortSignal | undefined): Promise<void> {
    for (let rounds = 0; journal.state.pending !== undefined; rounds += 1) {
      if (rounds > 0) await delay(retryDelay(rounds, settings.retryDelayMs), signal);
      if (rounds > MOST_ROUNDS) throw new TransferError('unreachable', 'The mailbox keeps changing.');
      await abortable(journal.ensureSaved(), signal);
      const write = await lookedFor(journal.state.pending, signal);
      const request = writeRequest(write, journal.state.claim);
      const wasDoubtful = doubtful === write.requestId;
      doubtful = write.requestId;
      // Where there is no relay nothing sends the id of the request back either.
      const isToBeRepeated = (reply: WireResponse): boolean =>
        isRetryable(reply) && !(write.operation === 'create' && reply.status === 404);
      const { reply, attempts } = await transfer.send(() => transfer.sendOnce(request, signal), signal, isToBeRepeated);
      await conclude(write, reply, wasDoubtful || attempts > 1, signal);
    }
  }

  /** Takes the write out of the state as the answer says, or throws. */
  async function conclude(
    write: PendingWrite,
    reply: WireResponse,
    wasSentBefore: boolean,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (reply.status >= 200 && reply.status < 300) return succeed(write, reply);
    if (reply.status === 404 && write.operation !== 'create') {
      // To a repeated delete it means that an earlier try was carried out.
      if (write.operation === 'delete' && wasSentBefore) return succeed(write, reply);
      await transfer.end(transfer.inferEnding(reply));
      // A repeated message may well have been read before the mailbox went: the next call tells of the end.
      if (write.operation === 'update' && !wasSentBefore) throw transfer.gone();
      return;
    }
    if (reply.status === 412) return catchUp(write, signal);
    const error =
      reply.status === 404
        ? new TransferError('refused', 'There is no relay here.', { status: 404 })
        : await transfer.toError(reply);
    // What a proxy refuses, or for want of better credentials, may be carried out yet.
    const isFinal = reply.isOfRelay || write.operation === 'create';
    if (isFinal && !CREDENTIALS.test(error.relayCode ?? '')) await drop(write, wasSentBefore);
    throw error;
  }

  /** Gives a write up; of a refused create nothing is left to go on with. */
  async function drop({ operation, written }: PendingWrite, mayHaveCome = false): Promise<void> {
    transfer.failedMessage = undefined;
    const wrote = addFingerprint(journal.state.wrote, mayHaveCome ? written : undefined);
    await journal.save({ pending: undefined, wrote, ...(operation === 'create' ? { ended: 'cancelled' } : {}) });
  }

  async function succeed(write: PendingWrite, reply: WireResponse): Promise<void> {
    const { role, seen, wrote } = journal.state;
    if (write.operation === 'delete') return transfer.end(OWN_DELETE[role]);
    if (write.operation === 'relinquish') return transfer.end('relinquished');
    const version = parseVersion(reply);
    if (write.operation === 'update') {
      // Nothing came in between: a read that waits goes on from here.
      if (write.knownVersion === transfer.lastReadVersion) transfer.lastReadVersion = version;
      transfer.forget(write.taken);
      await keep({
        version,
        pending: undefined,
        seen: addFingerprint(seen, write.taken),
        wrote: addFingerprint(wrote, write.written),
      });
      return transfer.progress({ type: 'sent' });
    }
    const mailboxUrl = parseLink(reply, settings.bases);
    if (mailboxUrl === undefined) {
      // Nothing is left to go on with.
      await keep({ pending: undefined, ended: 'cancelled' });
      throw new TransferError('malformed', 'The link is of no relay of sender.relay or sender.links.');
    }
    await keep({ mailboxUrl, version, pending: undefined, expiration: parseExpiration(write) });
    transfer.progress({ type: 'created' });
  }

  /** What was carried out did not fail, whatever becomes of the note of it: the one before leads here again. */
  const keep = (changes: Partial<TransferState>): Promise<void> => journal.save(changes).catch(() => {});

  /** Another version is current. A receiver that came or left does not matter; a message must not be lost. */
  async function catchUp(write: PendingWrite, signal: AbortSignal | undefined): Promise<void> {
    doubtful = undefined; // A try that had been carried out would have got a 201.
    const found = await lookPast(write, signal);
    await journal.save({ pending: { ...write, knownVersion: found.version } });
  }

  /**
   * A write as it can be sent: after a repeated one, or at a relay without versions, it must be looked first, or what is
   * in the mailbox could be lost.
   */
  async function lookedFor(write: PendingWrite, signal: AbortSignal | undefined): Promise<PendingWrite> {
    if (write.operation !== 'update' || write.knownVersion !== undefined || write.hasLooked === true) return write;
    const found = await lookPast(write, signal);
    await transfer.applyRead(found, true);
    const pending = { ...write, knownVersion: found.version, hasLooked: true };
    await journal.save({ pending });
    return pending;
  }

  /** What is in the mailbox, if a write may take its place; else gives the write up and throws why. */
  async function lookPast(write: PendingWrite, signal: AbortSignal | undefined): Promise<ReadResult> {
    const found = await transfer.read(signal);
    const isFree = isKnown(journal.state, await fingerprintPayload(found.payload));
    if (isFree && write.sameReceiver !== true) return found;
    await drop(write);
    if (!isFree) {
      throw new TransferError('conflict', 'The other device has written meanwhile; take its message first.');
    }
    await transfer.applyRead(found, true);
    throw new TransferError('receiver_changed', 'The receiver may be another one by now.');
  }

  const carryOut: Writes['carryOut'] = async (write, signal) => {
    await journal.save({ pending: { ...write, requestId: crypto.randomUUID() }, ended: undefined });
    await settle(signal);
  };

  /** Whether the app tries again: the state holds this very message, or did until it was carried out. */
  async function isAgain(text: string): Promise<boolean> {
    const { pending, secret } = journal.state;
    if (pending === undefined) return transfer.failedMessage === text;
    if (pending.operation !== 'update') return false;
    return (await openText(JSON.parse(pending.body ?? '').payload, secret)) === text;
  }

  return {
    settle,
    carryOut,
    async reply(information, { signal, notificationToken, sameReceiver } = {}) {
      const text = encodeInformation(information);
      // What the app answers to. Of a message that comes from now on it does not know.
      const { delivered } = transfer;
      await transfer.inTurn(async () => {
        if (journal.state.ended !== undefined) throw transfer.gone();
        if (await isAgain(text)) {
          transfer.failedMessage = text;
          await settle(signal);
          transfer.failedMessage = undefined;
          return;
        }
        await settle(signal);
        if (journal.state.ended !== undefined) throw transfer.gone();
        let current = delivered?.fingerprint === transfer.delivered?.fingerprint ? transfer.delivered : undefined;
        if (current?.isOpened === false) {
          await transfer.acknowledge();
          current = undefined;
        }
        const taken = current?.fingerprint;
        const { secret, mailboxUrl: url = '', version } = journal.state;
        const knownVersion = current === undefined ? version : current.version;
        const payload = await seal(new TextEncoder().encode(text), secret);
        const body = JSON.stringify({ payload, notificationToken });
        assertSize(body, settings);
        const written = await fingerprintPayload(payload);
        transfer.failedMessage = text;
        await carryOut({ operation: 'update', url, body, knownVersion, written, taken, sameReceiver }, signal);
        transfer.failedMessage = undefined;
      }, signal);
    },
    leave(operation, { signal } = {}) {
      return transfer.inTurn(async () => {
        const { pending } = journal.state;
        // After a delete nobody reads a message that is under way, and after a relinquish there is nothing to delete.
        if (operation === 'relinquish' || pending?.operation !== 'update') await settle(signal).catch(toUnreachable);
        if (journal.state.ended !== undefined) return;
        const { mailboxUrl: url = '' } = journal.state;
        try {
          await carryOut({ operation, url, taken: transfer.delivered?.fingerprint }, signal);
        } catch (error) {
          if (journal.state.pending === undefined && pending?.operation === 'update') await journal.save({ pending });
          throw error;
        }
      }, signal);
    },
  };
}

/** A message that can never be sent is no reason not to leave. */
function toUnreachable(error: unknown): void {
  if (!(error instanceof TransferError) || error.code === 'unreachable') throw error;
}
