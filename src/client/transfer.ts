import type { NotificationToken } from '../protocol/bodies.js';
import type { Connection } from './connection.js';
import { type Ending, TransferError, toTransferError } from './errors.js';
import type { WireResponse } from './http-request.js';
import { fingerprintPayload } from './information.js';
import { getServerTime } from './response-values.js';
import { addFingerprint, isKnown, type StateStore, type TransferState } from './state.js';
import { TaskQueue } from './task-queue.js';
import { abortable, throwIfAborted } from './timing.js';
import { buildReadRequest, parseRead, type ReadResult } from './wire.js';

/** The latest message that the app received and has not acknowledged. */
export interface DeliveredMessage {
  readonly fingerprint: string;
  /** Mailbox-Version of the read that found the message. */
  readonly version: string | undefined;
  /** False if the message could not be opened, and the app received an error instead. */
  readonly isOpened: boolean;
}

/** The ending after a delete by the device of each role. */
export const ENDING_AFTER_DELETE = { sender: 'cancelled', receiver: 'finished' } as const;

/** One transfer on one device: the common part of reads and writes. */
export class Transfer {
  readonly store: StateStore;
  readonly connection: Connection;
  /** The text of the message whose send failed as `unreachable`; cleared when a new message arrives. */
  failedMessage: string | undefined;
  /** Mailbox-Version of the last read by this process. A held read waits for a newer version. */
  lastReadVersion: string | undefined;
  readonly #notificationToken: NotificationToken | undefined;
  readonly #writes = new TaskQueue();
  #queuedWrites = 0;
  #delivered: DeliveredMessage | undefined;

  /** The read that binds this device leaves `notificationToken` with the relay. */
  constructor(store: StateStore, connection: Connection, notificationToken?: NotificationToken) {
    this.store = store;
    this.connection = connection;
    this.#notificationToken = notificationToken;
  }

  get state(): TransferState {
    return this.store.state;
  }

  /** True while a write runs or waits in the queue. */
  get isWriting(): boolean {
    return this.#queuedWrites > 0;
  }

  get delivered(): DeliveredMessage | undefined {
    return this.#delivered;
  }

  /** Runs writes one after another. A write whose signal is aborted before its turn does not run. */
  enqueueWrite<Value>(write: () => Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
    this.#queuedWrites += 1;
    const result = this.#writes.run(async () => {
      try {
        throwIfAborted(signal);
        return await write();
      } finally {
        this.#queuedWrites -= 1;
      }
    });
    return abortable(result, signal);
  }

  /** Resolves when all queued writes have ended. */
  whenWritesEnd(): Promise<unknown> {
    return this.#writes.idle();
  }

  /** Sends a read once. The relay may hold the read for `seconds`. */
  readOnce(seconds: number, signal: AbortSignal | undefined): Promise<WireResponse> {
    const token = this.state.bound ? undefined : this.#notificationToken;
    const request = buildReadRequest(this.state, seconds, this.lastReadVersion, token);
    return this.connection.sendOnce(request, signal, seconds);
  }

  /** Reads without a hold, with retries. Throws the errors of {@link toError}, or `unreachable`. */
  async read(signal: AbortSignal | undefined): Promise<ReadResult> {
    // The read may bind this device, so the claim must be saved first: an app that is killed needs it to come back.
    await abortable(this.store.ensureSaved(), signal);
    const { reply } = await this.connection.send(() => this.readOnce(0, signal), signal);
    if (reply.status !== 200) throw await this.toError(reply);
    return parseRead(reply);
  }

  /** The fingerprint of a payload that is new to this device; `undefined` for a known or delivered one. */
  async findNewFingerprint({ payload }: ReadResult): Promise<string | undefined> {
    const fingerprint = await fingerprintPayload(payload);
    return isKnown(this.state, fingerprint) || this.#delivered?.fingerprint === fingerprint ? undefined : fingerprint;
  }

  /** Updates the state from a read. `isCurrent` is true if the read has no message that the app must receive first. */
  async applyRead(
    { version, receiver, expiration = this.state.expiration }: ReadResult,
    isCurrent: boolean,
  ): Promise<void> {
    const before = this.state;
    const bound = before.role === 'receiver' || (receiver === undefined ? before.bound : receiver === 'bound');
    const after = { bound, expiration, version: isCurrent && this.#delivered === undefined ? version : before.version };
    if (isCurrent && this.#delivered !== undefined) this.#delivered = { ...this.#delivered, version };
    if (bound !== before.bound || after.version !== before.version || expiration !== before.expiration) {
      await this.store.save(after);
    }
    if (bound !== before.bound) this.connection.report({ type: bound ? 'opened' : 'left' });
  }

  /** True if a read without a new message shows that the same receiver, or no receiver, is bound as before. */
  isSameReceiver({ version, receiver }: ReadResult): boolean {
    const { role, bound, version: known } = this.state;
    return role === 'receiver' || version === known || receiver === 'none' || (receiver === 'bound' && !bound);
  }

  /** Notes that the app receives a message. */
  deliver(message: DeliveredMessage): void {
    this.#delivered = message;
    if (this.state.pending === undefined) this.failedMessage = undefined;
  }

  /** Saves that the app has handled the delivered message. */
  async acknowledge(): Promise<void> {
    const acknowledged = this.#delivered;
    if (acknowledged === undefined) return;
    const { fingerprint, version, isOpened } = acknowledged;
    // Anyone can write any number of payloads that cannot be opened: they must not displace entries of `seen`.
    const changes = isOpened ? { seen: addFingerprint(this.state.seen, fingerprint) } : { unopened: fingerprint };
    await this.store.save({ ...changes, version });
    if (this.#delivered === acknowledged) this.#delivered = undefined;
  }

  /** Forgets the delivered message after a reply has acknowledged it. */
  forget(fingerprint: string | undefined): void {
    if (this.#delivered?.fingerprint === fingerprint) this.#delivered = undefined;
  }

  /** Converts an error response. A 404 ends the transfer. */
  async toError(reply: WireResponse): Promise<TransferError> {
    const { role, bound, pending } = this.state;
    if (reply.status === 404) {
      await this.end(pending?.operation === 'delete' ? ENDING_AFTER_DELETE[role] : this.inferEnding(reply));
      return this.toGoneError();
    }
    const error = toTransferError(reply);
    // A relay without error codes answers the first read of a device with 401 only if another device is bound.
    const isClaimed =
      reply.status === 401 && reply.isFromRelay && role === 'receiver' && !bound && error.relayCode === undefined;
    return isClaimed ? new TransferError('already_claimed', error.message, { status: 401 }) : error;
  }

  async end(how: Ending): Promise<void> {
    if (this.state.ended !== undefined) return;
    // The transfer has ended even if the save fails: the saved state leads to the same end.
    await this.store.save({ ended: how, pending: undefined }).catch(() => {});
    this.connection.report({ type: 'ended', how });
  }

  /** How the other side ended the mailbox, by the time of a 404. */
  inferEnding(reply: WireResponse): Ending {
    return getServerTime(reply) >= Date.parse(this.state.expiration ?? '') ? 'expired' : 'deleted';
  }

  toGoneError(): TransferError {
    return new TransferError('gone', 'The mailbox is gone.', { ended: this.state.ended });
  }
}
