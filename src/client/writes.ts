import type { NotificationToken } from '../protocol/bodies.js';
import { TransferError } from './errors.js';
import { encodeInformation, fingerprintPayload, type OutgoingInformation, openText } from './information.js';
import type { CallOptions, Settings } from './options.js';
import type { PendingWrites } from './pending-writes.js';
import { seal } from './seal.js';
import type { PendingWrite } from './state.js';
import type { Transfer } from './transfer.js';

/** Options of a reply. */
export interface ReplyOptions {
  /** Ends the call. The message stays in the state, and the next call sends it. */
  readonly signal?: AbortSignal | undefined;
  /** The relay notifies this device when the other device writes. Default: no notification. */
  readonly notificationToken?: NotificationToken | undefined;
  /**
   * For a sender: send the message only to the receiver that this sender last saw. If the mailbox has changed since then
   * without a new message, another receiver may be bound: `reply` throws `receiver_changed`, sends nothing, and updates
   * the state, so that you can call it again. The option cannot detect which receiver wrote a new message, and it has no
   * effect at a relay without versions. Default false.
   */
  readonly sameReceiver?: boolean | undefined;
}

/** See {@link Share.reply}. */
export type SendReply = (information: OutgoingInformation, options?: ReplyOptions) => Promise<void>;

/** Throws `too_large` for a body over `maximumBodyBytes`. */
export function assertSize(body: string, { maximumBodyBytes }: Settings): void {
  const bytes = new TextEncoder().encode(body).length;
  if (bytes <= maximumBodyBytes) return;
  throw new TransferError('too_large', `The request body has ${bytes} bytes; the maximum is ${maximumBodyBytes}.`);
}

/** The writes to an existing mailbox: replies and the end. */
export class Writes {
  readonly #transfer: Transfer;
  readonly #pendingWrites: PendingWrites;

  constructor(transfer: Transfer, pendingWrites: PendingWrites) {
    this.#transfer = transfer;
    this.#pendingWrites = pendingWrites;
  }

  /** UpdateMailbox with a sealed message. */
  async reply(information: OutgoingInformation, options: ReplyOptions = {}): Promise<void> {
    const { signal } = options;
    const text = encodeInformation(information);
    // The message that the app replies to. The app does not know a message that arrives while this write waits.
    const { delivered } = this.#transfer;
    await this.#transfer.enqueueWrite(async () => {
      this.#assertNotEnded();
      if (await this.#isPending(text)) {
        this.#transfer.failedMessage = text;
        await this.#pendingWrites.sendPending(signal);
      } else {
        await this.#pendingWrites.sendPending(signal);
        this.#assertNotEnded();
        const update = await this.#buildUpdate(text, delivered?.fingerprint, options);
        this.#transfer.failedMessage = text;
        await this.#pendingWrites.submit(update, signal);
      }
      this.#transfer.failedMessage = undefined;
    }, signal);
  }

  /** DeleteMailbox or RelinquishMailbox. Resolves also if the mailbox is gone. */
  leave(operation: 'delete' | 'relinquish', { signal }: CallOptions = {}): Promise<void> {
    const { store } = this.#transfer;
    return this.#transfer.enqueueWrite(async () => {
      const { pending } = store.state;
      // A delete makes a pending reply useless. A relinquish does not: the other side may still read the reply.
      if (operation === 'relinquish' || pending?.operation !== 'update') await this.#sendPendingIfPossible(signal);
      if (store.state.ended !== undefined) return;
      const { mailboxUrl: url = '' } = store.state;
      try {
        const taken = this.#transfer.delivered?.fingerprint;
        await this.#pendingWrites.submit({ operation, url, taken }, signal);
      } catch (error) {
        if (store.state.pending === undefined && pending?.operation === 'update') await store.save({ pending });
        throw error;
      }
    }, signal);
  }

  #assertNotEnded(): void {
    if (this.#transfer.state.ended !== undefined) throw this.#transfer.toGoneError();
  }

  /** True if the app repeats the pending message, or a message that a read has sent after its call failed. */
  async #isPending(text: string): Promise<boolean> {
    const { pending, secret } = this.#transfer.state;
    if (pending === undefined) return this.#transfer.failedMessage === text;
    if (pending.operation !== 'update') return false;
    return (await openText(JSON.parse(pending.body ?? '').payload, secret)) === text;
  }

  async #buildUpdate(
    text: string,
    repliedTo: string | undefined,
    { notificationToken, sameReceiver }: ReplyOptions,
  ): Promise<Omit<PendingWrite, 'requestId'>> {
    let delivered = repliedTo === this.#transfer.delivered?.fingerprint ? this.#transfer.delivered : undefined;
    if (delivered?.isOpened === false) {
      await this.#transfer.acknowledge();
      delivered = undefined;
    }
    const { secret, mailboxUrl: url = '', version } = this.#transfer.state;
    const knownVersion = delivered === undefined ? version : delivered.version;
    const payload = await seal(new TextEncoder().encode(text), secret);
    const body = JSON.stringify({ payload, notificationToken });
    assertSize(body, this.#transfer.connection.settings);
    const written = await fingerprintPayload(payload);
    return { operation: 'update', url, body, knownVersion, written, taken: delivered?.fingerprint, sameReceiver };
  }

  /** A pending write that can never succeed must not keep the device from leaving. */
  async #sendPendingIfPossible(signal: AbortSignal | undefined): Promise<void> {
    try {
      await this.#pendingWrites.sendPending(signal);
    } catch (error) {
      if (!(error instanceof TransferError) || error.code === 'unreachable') throw error;
    }
  }
}
