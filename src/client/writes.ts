import type { NotificationToken } from '../protocol/bodies.js';
import { PASSING, TransferError } from './errors.js';
import { encodeInformation, fingerprintOf, openText, type ProvisioningInformation } from './information.js';
import { isSafe, type Settings } from './options.js';
import { membersOf, type Reply, sendOnce } from './request.js';
import { seal } from './seal.js';
import { parseShareUrl } from './share-url.js';
import { addSeen, type PendingWrite } from './state.js';
import type { Transfer } from './transfer.js';
import { malformed, writeRequest } from './wire.js';

/** A refusal of the caller's credentials, not of the write: it may be sent again with better ones. */
const CREDENTIALS = /^(token|attestation)_/;

/** The writes of one transfer: each is in the state, and kept, before it is sent, and takes effect once. */
export interface Writes {
  /** Carries out the write that the state holds, if there is one. */
  settle(signal: AbortSignal | undefined): Promise<void>;
  /** Puts a write into the state and carries it out. Not for use outside of `inTurn`. */
  carryOut(
    write: Omit<PendingWrite, 'requestId'>,
    signal: AbortSignal | undefined,
    seen?: readonly string[],
  ): Promise<void>;
  /** UpdateMailbox with a sealed message. */
  readonly answer: Answer;
  /** DeleteMailbox or RelinquishMailbox; resolves as well if the mailbox is gone already. */
  leave(operation: 'delete' | 'relinquish', signal: AbortSignal | undefined): Promise<void>;
}

/** What an answer can be told. */
export interface AnswerOptions {
  /** Ends the call; the message stays in the state, and is sent by the next call. */
  readonly signal?: AbortSignal | undefined;
  /** Where the relay is to push to when the other device writes. */
  readonly notificationToken?: NotificationToken | undefined;
  /**
   * Of a sender: the message is for the receiver that it has last seen. If the mailbox has changed since without a
   * message, that one may have given its place to another: throws `receiver_changed`, and nothing was sent. The state is
   * up to date then, and the same answer may be given again. Default false: whoever is the receiver may have it.
   */
  readonly sameReceiver?: boolean | undefined;
}

/** Puts a message into the mailbox. */
export type Answer = (information: ProvisioningInformation, options?: AnswerOptions) => Promise<void>;

/** Throws `too_large` for a body that the relay would not take. */
export function demandSize(body: string, { maximumBodyBytes: maximum }: Settings): void {
  const bytes = new TextEncoder().encode(body).length;
  if (bytes <= maximum) return;
  throw new TransferError('too_large', `The sealed message makes ${bytes} bytes; the relay takes ${maximum}.`);
}

/** Makes the writes of one transfer. */
export function createWrites(transfer: Transfer): Writes {
  const { journal, settings } = transfer;
  /** The write that may have reached the relay without our knowing. */
  let doubtful = journal.state.pending?.requestId;

  async function settle(signal: AbortSignal | undefined): Promise<void> {
    for (let write = journal.state.pending; write !== undefined; write = journal.state.pending) {
      await journal.ensureKept();
      const request = writeRequest(write, journal.state.claim);
      const wasDoubtful = doubtful === write.requestId;
      doubtful = write.requestId;
      const { reply, attempts } = await transfer.send(() => sendOnce(request, settings, signal), signal);
      await conclude(write, reply, wasDoubtful || attempts > 1, signal);
    }
  }

  /** Takes the write out of the state as the answer says, or throws. */
  async function conclude(
    write: PendingWrite,
    reply: Reply,
    wasSentBefore: boolean,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (reply.status >= 200 && reply.status < 300) return succeed(write, reply);
    if (reply.status === 404 && write.operation !== 'create') {
      // To a repeated delete it means that an earlier try was carried out.
      if (write.operation === 'delete' && wasSentBefore) return succeed(write, reply);
      await transfer.end(transfer.endingBy(reply));
      // A repeated message may well have been read before the mailbox went: the next call tells of the end.
      if (write.operation === 'update' && !wasSentBefore) throw transfer.gone();
      return;
    }
    if (reply.status === 412) return catchUp(write, signal);
    const error =
      reply.status === 404
        ? new TransferError('refused', 'There is no relay at this address.', { status: 404 })
        : await transfer.refusal(reply);
    if (!PASSING.has(reply.status) && !CREDENTIALS.test(error.relayCode ?? ''))
      await journal.save({ pending: undefined });
    throw error;
  }

  async function succeed(write: PendingWrite, reply: Reply): Promise<void> {
    if (write.operation === 'delete') return transfer.end(journal.state.role === 'sender' ? 'cancelled' : 'finished');
    if (write.operation === 'relinquish') return transfer.end('relinquished');
    const version = reply.header('Mailbox-Version');
    if (write.operation === 'update') {
      await journal.save({ version, pending: undefined });
      return transfer.progress({ type: 'sent' });
    }
    const mailboxUrl = linkIn(reply);
    await journal.save({ mailboxUrl, version, pending: undefined });
    if (mailboxUrl === undefined) throw malformed(reply);
    transfer.progress({ type: 'created' });
  }

  /** Another version is current. A receiver that came or left does not matter; a message must not be lost. */
  async function catchUp(write: PendingWrite, signal: AbortSignal | undefined): Promise<void> {
    doubtful = undefined; // A try that had been carried out would have got a 201.
    const found = await transfer.look(signal);
    const isOvertaken = (await transfer.newsIn(found)) !== undefined;
    if (!isOvertaken && write.sameReceiver !== true) {
      await journal.save({ pending: { ...write, knownVersion: found.version } });
      return;
    }
    await journal.save({ pending: undefined });
    if (isOvertaken) throw overtaken();
    await transfer.absorb(found);
    throw receiverChanged();
  }

  async function carryOut(
    write: Omit<PendingWrite, 'requestId'>,
    signal: AbortSignal | undefined,
    seen = journal.state.seen,
  ): Promise<void> {
    await journal.save({ seen, pending: { ...write, requestId: crypto.randomUUID() } });
    await settle(signal);
  }

  /** Whether the state holds this very message, unsent or unanswered: then the app is trying again. */
  async function isPending(text: string): Promise<boolean> {
    const { pending, secret } = journal.state;
    if (pending?.operation !== 'update') return false;
    return (await openText(JSON.parse(pending.body ?? '').payload, secret)) === text;
  }

  return {
    settle,
    carryOut,
    answer(information, { signal, notificationToken, sameReceiver } = {}) {
      const text = encodeInformation(information);
      return transfer.inTurn(async () => {
        if (journal.state.ended !== undefined) throw transfer.gone();
        const isAgain = await isPending(text);
        await settle(signal);
        if (isAgain) return;
        if (journal.state.ended !== undefined) throw transfer.gone();
        if (journal.state.version === undefined) {
          // After a repeated write, or at a relay without versions: what is in the mailbox must not be lost.
          const found = await transfer.look(signal);
          if ((await transfer.newsIn(found)) !== undefined) throw overtaken();
          await transfer.absorb(found);
          if (sameReceiver === true) throw receiverChanged();
        }
        const { secret, mailboxUrl: url = '', version: knownVersion } = journal.state;
        const payload = await seal(new TextEncoder().encode(text), secret);
        const body = JSON.stringify({ payload, notificationToken });
        demandSize(body, settings);
        const seen = addSeen(transfer.dealtWith(), await fingerprintOf(payload));
        await carryOut({ operation: 'update', url, body, knownVersion, sameReceiver }, signal, seen);
      }, signal);
    },
    leave(operation, signal) {
      return transfer.inTurn(async () => {
        // A message that is still under way has no reader any more, but its outcome must be known before the delete.
        if (journal.state.ended !== undefined) return;
        const { mailboxUrl: url = '', pending } = journal.state;
        if (pending?.operation === operation) return settle(signal);
        await carryOut({ operation, url }, signal, transfer.dealtWith());
      }, signal);
    },
  };
}

function overtaken(): TransferError {
  return new TransferError('overtaken', 'The other device has written meanwhile; take its message first.');
}

function receiverChanged(): TransferError {
  return new TransferError('receiver_changed', 'The receiver may be another one by now; nothing was sent.');
}

/** The URL of the new mailbox; `undefined` if the relay gave none. */
function linkIn(reply: Reply): string | undefined {
  try {
    const { mailboxUrl } = parseShareUrl(String(membersOf(reply.text).urlLink));
    return isSafe(mailboxUrl) ? mailboxUrl : undefined;
  } catch {
    return undefined;
  }
}
