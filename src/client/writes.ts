import type { NotificationToken } from '../protocol/bodies.js';
import { type Checks, checkBoolean, checkOptions } from './check.js';
import { TransferError } from './errors.js';
import { encodeInformation, fingerprintPayload, type OutgoingInformation, openText } from './information.js';
import { assertSerializable, CALL, checkToken } from './option-checks.js';
import type { CallOptions, Settings } from './options.js';
import { sendPending, submitWrite } from './pending-writes.js';
import { seal } from './seal.js';
import { type PendingWrite, toGoneError } from './state.js';
import { encodeText } from './text-codec.js';
import { abortable } from './timing.js';
import type { Transfer } from './transfer.js';

/** Options of a reply. */
export interface ReplyOptions {
  /** Ends the call. The message stays in the state, and the next call sends it. */
  readonly signal?: AbortSignal | undefined;
  /** The relay notifies this device when the other device writes. Default: the token that this device has left. */
  readonly notificationToken?: NotificationToken | undefined;
  /**
   * For a sender: send the message only to the receiver that this sender last saw. If the mailbox has changed since
   * then without a new message, another receiver may be bound: `reply` throws `receiver_changed`, sends nothing, and
   * updates the state, so that you can call it again. The option cannot detect which receiver wrote a new message. It
   * has no effect at a relay without versions. Default false.
   */
  readonly sameReceiver?: boolean | undefined;
}

const REPLY: Checks<ReplyOptions> = { ...CALL, notificationToken: checkToken, sameReceiver: checkBoolean };

/** See {@link Share.reply}. */
export type SendReply = (information: OutgoingInformation, options?: ReplyOptions) => Promise<void>;

/** Throws `too_large` for a body over `maximumBodyBytes`. */
export function assertSize(body: string, { maximumBodyBytes }: Settings): void {
  const bytes = encodeText(body).length;
  if (bytes <= maximumBodyBytes) return;
  throw new TransferError('too_large', `The request body has ${bytes} bytes; the maximum is ${maximumBodyBytes}.`);
}

/** UpdateMailbox with a sealed message. */
export async function sendReply(
  transfer: Transfer,
  information: OutgoingInformation,
  options: ReplyOptions = {},
): Promise<void> {
  assertSerializable(information);
  checkOptions('reply', options, REPLY);
  const { signal } = options;
  const text = encodeInformation(information);
  // The message that the app replies to. The app does not know a message that arrives while this write waits.
  const { delivered } = transfer;
  await transfer.writes.run(async () => {
    assertNotEnded(transfer);
    if (await isPending(transfer, text)) {
      transfer.failedMessage = text;
      await sendPending(transfer, signal);
    } else {
      await sendPending(transfer, signal);
      assertNotEnded(transfer);
      const update = await buildUpdate(transfer, text, delivered?.fingerprint, options);
      transfer.failedMessage = text;
      await submitWrite(transfer, update, signal);
    }
    transfer.failedMessage = undefined;
  }, signal);
}

/** Saves a notification token, and leaves it with the relay by a read, unless that read would bind this device. */
export async function setNotificationToken(
  transfer: Transfer,
  token: NotificationToken,
  options: CallOptions = {},
): Promise<boolean | undefined> {
  const problem = checkToken(token);
  if (problem !== undefined) throw new TypeError(`setNotificationToken: the token ${problem}`);
  checkOptions('setNotificationToken', options, CALL);
  const { signal } = options;
  assertNotEnded(transfer);
  await abortable(transfer.setToken(token), signal);
  const { role, bound, mailboxUrl } = transfer.state;
  const isMember = mailboxUrl !== undefined && (role === 'sender' || bound);
  if (isMember && transfer.tokenOfRead !== undefined) await transfer.read(signal);
  return transfer.state.isPushNotificationSupported;
}

/** The function that deletes the mailbox, of each role. */
const LEAVING = { sender: 'cancel', receiver: 'finish' } as const;

/** DeleteMailbox or RelinquishMailbox. Resolves also if the mailbox is gone. */
export async function leave(
  transfer: Transfer,
  operation: 'delete' | 'relinquish',
  options: CallOptions = {},
): Promise<void> {
  checkOptions(operation === 'relinquish' ? operation : LEAVING[transfer.state.role], options, CALL);
  const { signal } = options;
  const { store } = transfer;
  return transfer.writes.run(async () => {
    const { pending } = store.state;
    // A delete makes a pending reply useless. A relinquish does not: the other side may still read the reply.
    if (operation === 'relinquish' || pending?.operation !== 'update') await sendPendingIfPossible(transfer, signal);
    if (store.state.ended !== undefined) return;
    const { mailboxUrl: url = '' } = store.state;
    try {
      const taken = transfer.delivered?.fingerprint;
      await submitWrite(transfer, { operation, url, taken }, signal);
    } catch (error) {
      if (store.state.pending === undefined && pending?.operation === 'update') await store.save({ pending });
      throw error;
    }
  }, signal);
}

function assertNotEnded(transfer: Transfer): void {
  if (transfer.state.ended !== undefined) throw toGoneError(transfer.state);
}

/** True if the app repeats the pending message, or a message that a read has sent after its call failed. */
async function isPending(transfer: Transfer, text: string): Promise<boolean> {
  const { pending, secret } = transfer.state;
  if (pending === undefined) return transfer.failedMessage === text;
  if (pending.operation !== 'update') return false;
  return (await openText(JSON.parse(pending.body ?? '').payload, secret, transfer.settings.crypto)) === text;
}

async function buildUpdate(
  transfer: Transfer,
  text: string,
  repliedTo: string | undefined,
  { notificationToken = transfer.tokenOfUpdate, sameReceiver }: ReplyOptions,
): Promise<Omit<PendingWrite, 'requestId'>> {
  if (notificationToken !== undefined) await transfer.setToken(notificationToken);
  let delivered = repliedTo === transfer.delivered?.fingerprint ? transfer.delivered : undefined;
  if (delivered?.isOpened === false) {
    await transfer.acknowledge();
    delivered = undefined;
  }
  const { secret, mailboxUrl: url = '', version } = transfer.state;
  const knownVersion = delivered === undefined ? version : delivered.version;
  const { crypto } = transfer.settings;
  const payload = await seal(encodeText(text), secret, crypto);
  const body = JSON.stringify({ payload, notificationToken });
  assertSize(body, transfer.settings);
  const written = await fingerprintPayload(payload, crypto);
  return { operation: 'update', url, body, knownVersion, written, taken: delivered?.fingerprint, sameReceiver };
}

/** A pending write that can never succeed must not keep the device from leaving. */
async function sendPendingIfPossible(transfer: Transfer, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sendPending(transfer, signal);
  } catch (error) {
    if (!(error instanceof TransferError) || error.code === 'unreachable') throw error;
  }
}
