import type { DisplayInformation, NotificationToken } from '../protocol/bodies.js';
import { type Connection, reportProgress, sendRequest, sendWithRetries } from './connection.js';
import { generateUuid } from './crypto.js';
import { type Ending, TransferError, toTransferError } from './errors.js';
import type { WireResponse } from './http-message.js';
import { fingerprintPayload } from './information.js';
import type { Settings } from './options.js';
import { getServerTime } from './response-headers.js';
import {
  addFingerprint,
  isKnown,
  type PendingWrite,
  type StateStore,
  type TransferState,
  toGoneError,
} from './state.js';
import { TaskQueue } from './task-queue.js';
import { abortable } from './timing.js';
import { buildReadRequest, parsePushSupport, parseRead, parseToken, type ReadResult } from './wire.js';

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
export class Transfer implements Connection {
  readonly store: StateStore;
  readonly settings: Settings;
  isRetrying = false;
  hasSeenEcho = false;
  /** The writes of this device, one after another. */
  readonly writes = new TaskQueue();
  /** The text of the message whose send failed as `unreachable`; cleared when a new message arrives. */
  failedMessage: string | undefined;
  /** Mailbox-Version of the last read since the app started. A held read waits for a newer version. */
  lastReadVersion: string | undefined;
  /** Mailbox-Request-ID of a write that the relay may have received, although no response arrived. */
  unconfirmedRequestId: string | undefined;
  /** Of the last read, or of the create. */
  display: DisplayInformation | undefined;
  /** The token that a read has carried. A relay that ignored it gets it with the next update only. */
  #carriedToken: NotificationToken | undefined;
  #delivered: DeliveredMessage | undefined;

  constructor(store: StateStore, settings: Settings) {
    this.store = store;
    this.settings = settings;
    this.unconfirmedRequestId = store.state.pending?.requestId;
  }

  get state(): TransferState {
    return this.store.state;
  }

  get delivered(): DeliveredMessage | undefined {
    return this.#delivered;
  }

  /** The token of the next update, if the relay does not have it. */
  get tokenOfUpdate(): NotificationToken | undefined {
    return this.state.isTokenLeft === true ? undefined : this.state.notificationToken;
  }

  /** The token of the next read. */
  get tokenOfRead(): NotificationToken | undefined {
    const token = this.tokenOfUpdate;
    return token === this.#carriedToken ? undefined : token;
  }

  /** Saves a token that the next read or update leaves with the relay. */
  async setToken(token: NotificationToken): Promise<void> {
    if (isSameToken(token, this.state.notificationToken)) return;
    const notificationToken = { ...token };
    await this.store.save({ notificationToken, isTokenLeft: false, isPushNotificationSupported: undefined });
  }

  /** The changes of the state after the relay has carried out a write, which may have a token. */
  noteWrite({ body }: PendingWrite, reply: WireResponse): Partial<TransferState> {
    const { notificationToken, isTokenLeft, isPushNotificationSupported } = this.state;
    const written = parseToken(body);
    // A write that waited may have left an older token than the last read did.
    const isLeft = written === undefined ? isTokenLeft : isSameToken(written, notificationToken);
    if (isLeft === false) this.#carriedToken = undefined;
    const isSupported = parsePushSupport(reply) ?? isPushNotificationSupported;
    return { isTokenLeft: isLeft, isPushNotificationSupported: isSupported };
  }

  /** Sends a read once. The relay may hold the read for `seconds`. */
  async readOnce(seconds: number, signal: AbortSignal | undefined): Promise<WireResponse> {
    const token = this.tokenOfRead;
    const requestId = generateUuid(this.settings.crypto);
    const request = buildReadRequest(this.state, seconds, this.lastReadVersion, requestId, token);
    const reply = await sendRequest(this, request, signal, seconds);
    if (token !== undefined && reply.status === 200 && reply.isFromRelay) await this.#noteToken(token, reply);
    await this.forgetRefusedToken(token, reply);
    return reply;
  }

  /** Forgets a token that the relay refuses, which would fail every later read and update. */
  async forgetRefusedToken(token: NotificationToken | undefined, { status, isFromRelay }: WireResponse): Promise<void> {
    if (status !== 400 || !isFromRelay || token === undefined) return;
    if (isSameToken(token, this.state.notificationToken))
      await this.store.save({ notificationToken: undefined, isTokenLeft: undefined }).catch(() => {});
  }

  async #noteToken(token: NotificationToken, reply: WireResponse): Promise<void> {
    const isPushNotificationSupported = parsePushSupport(reply);
    const { role, bound, notificationToken } = this.state;
    if (token !== notificationToken) return;
    this.#carriedToken = token;
    // A relay that says nothing takes a token with the read that binds, and ignores the token of any other read.
    if (isPushNotificationSupported === undefined && (role === 'sender' || bound)) return;
    // If the save fails, the app resumes with the previous state, and the next read carries the token again.
    await this.store.save({ isTokenLeft: true, isPushNotificationSupported }).catch(() => {});
  }

  /** Reads without a hold, with retries. Throws the errors of {@link toError}, or `unreachable`. */
  async read(signal: AbortSignal | undefined): Promise<ReadResult> {
    // The read may bind this device, so the claim must be saved first: an app that is killed needs it to come back.
    await abortable(this.store.ensureSaved(), signal);
    const { reply } = await sendWithRetries(this, () => this.readOnce(0, signal), signal);
    if (reply.status !== 200) throw await this.toError(reply);
    return parseRead(reply);
  }

  /** The fingerprint of a payload that is new to this device; `undefined` for a known or delivered one. */
  async findNewFingerprint({ payload }: ReadResult): Promise<string | undefined> {
    const fingerprint = await fingerprintPayload(payload, this.settings.crypto);
    return isKnown(this.state, fingerprint) || this.#delivered?.fingerprint === fingerprint ? undefined : fingerprint;
  }

  /** Updates the state from a read. `isCurrent` is true if the read has no message that the app must receive first. */
  async applyRead(
    { version, receiver, displayInformation, expiration = this.state.expiration }: ReadResult,
    isCurrent: boolean,
  ): Promise<void> {
    this.display = displayInformation;
    const before = this.state;
    const bound = before.role === 'receiver' || (receiver === undefined ? before.bound : receiver === 'bound');
    const after = { bound, expiration, version: isCurrent && this.#delivered === undefined ? version : before.version };
    if (isCurrent && this.#delivered !== undefined) this.#delivered = { ...this.#delivered, version };
    if (bound !== before.bound || after.version !== before.version || expiration !== before.expiration) {
      await this.store.save(after);
    }
    if (bound !== before.bound) reportProgress(this, { type: bound ? 'opened' : 'left' });
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
      return toGoneError(this.state);
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
    reportProgress(this, { type: 'ended', how });
  }

  /** How the other side ended the mailbox, by the time of a 404. */
  inferEnding(reply: WireResponse): Ending {
    return getServerTime(reply) >= Date.parse(this.state.expiration ?? '') ? 'expired' : 'deleted';
  }
}

function isSameToken(one: NotificationToken, other: NotificationToken | undefined): boolean {
  return one.type === other?.type && one.tokenData === other.tokenData;
}
