import type { NotificationToken } from '../protocol/bodies.js';
import { type Ending, isRetryable, TransferError, toTransferError } from './errors.js';
import { fingerprintPayload } from './information.js';
import type { Progress, Settings } from './options.js';
import {
  abortable,
  RelayUnreachable,
  retry,
  sendOnce,
  serverTime,
  throwIfAborted,
  type WireRequest,
  type WireResponse,
} from './request.js';
import { addFingerprint, isKnown, type StateStore } from './state.js';
import { parseRead, type ReadResult, readRequest } from './wire.js';

/** A message of the other device that the app has, and has not dealt with as far as we know. */
export interface Delivered {
  readonly fingerprint: string;
  /** Mailbox-Version at which it was found. */
  readonly version: string | undefined;
  /** False for what could not be opened: the app has an error of it. */
  readonly isOpened: boolean;
}

/** One device's side of one transfer: what reads and writes have in common. */
export interface Transfer {
  readonly store: StateStore;
  readonly settings: Settings;
  /** True while a write is under way or waits for its turn. */
  readonly isWriting: boolean;
  /** The message that is with the app. It is dealt with when the app asks for the next, or answers. */
  readonly delivered: Delivered | undefined;
  /** Text of a message that the app was told `unreachable` of; another that comes makes an end of it. */
  failedMessage: string | undefined;
  /** Mailbox-Version that this process has looked at last: what a read that waits begins at. */
  lastReadVersion: string | undefined;
  /** Runs writes one after another. Throws the signal's reason when that is aborted before the turn has come. */
  inTurn<Value>(task: () => Promise<Value>, signal: AbortSignal | undefined): Promise<Value>;
  /** Resolves when no write is under way. */
  idle(): Promise<void>;
  progress(progress: Progress): void;
  /** The relay has answered: reports it, if requests had to be sent again. */
  answered(): void;
  /** One request, sent again as long as that helps. Throws `unreachable` when the relay did not answer it. */
  send(
    request: () => Promise<WireResponse>,
    signal: AbortSignal | undefined,
    isToBeRepeated?: (reply: WireResponse) => boolean,
  ): Promise<{ reply: WireResponse; attempts: number }>;
  /** One try of a request. */
  sendOnce(request: WireRequest, signal: AbortSignal | undefined, heldSeconds?: number): Promise<WireResponse>;
  /** One try of a read, which the relay may hold for so many seconds. */
  readOnce(seconds: number, signal: AbortSignal | undefined): Promise<WireResponse>;
  /** A read that is not held. Throws what {@link Transfer.toError} gives, or `unreachable`. */
  read(signal: AbortSignal | undefined): Promise<ReadResult>;
  /** The fingerprint of a payload that this device neither wrote nor has dealt with, nor is dealing with; else `undefined`. */
  unseenFingerprint(found: ReadResult): Promise<string | undefined>;
  /** Remembers what a read told of the mailbox; `isCurrent` if nothing that the app has yet to hear of is in the way. */
  applyRead(found: ReadResult, isCurrent: boolean): Promise<void>;
  /** Whether a read without news tells who the receiver is; if not, another may have taken the place meanwhile. */
  isSameReceiver(found: ReadResult): boolean;
  /** A message is with the app. */
  deliver(message: Delivered): void;
  /** The app has dealt with what it had. */
  acknowledge(): Promise<void>;
  /** The write that answers this message is carried out. */
  forget(fingerprint: string | undefined): void;
  /** What an answer that is no success means; ends the transfer if the mailbox is gone. */
  toError(reply: WireResponse): Promise<TransferError>;
  end(how: Ending): Promise<void>;
  /** How the other side ended the mailbox, judged by an answer that says that it is gone. */
  inferEnding(reply: WireResponse): Ending;
  /** The error that says how the transfer ended. */
  gone(): TransferError;
}

/** Makes what the two sides are built on. `token` is left with the relay by the read that binds. */
export function createTransfer(journal: StateStore, settings: Settings, token?: NotificationToken): Transfer {
  let turn: Promise<unknown> = Promise.resolve();
  let writers = 0;
  let delivered: Delivered | undefined;
  let isCutOff = false;
  let hasSeenEcho = false;

  const transfer: Transfer = {
    store: journal,
    settings,
    lastReadVersion: undefined,
    failedMessage: undefined,
    get isWriting() {
      return writers > 0;
    },
    get delivered() {
      return delivered;
    },
    inTurn(task, signal) {
      writers += 1;
      const mine = turn
        .then(() => {
          throwIfAborted(signal);
          return task();
        })
        .finally(() => {
          writers -= 1;
        });
      turn = mine.catch(() => {});
      return abortable(mine, signal);
    },
    idle: async () => {
      await turn;
    },
    progress(progress) {
      if (progress.type === 'retrying') isCutOff = true;
      settings.onProgress?.(progress, journal.state);
    },
    answered() {
      if (!isCutOff) return;
      isCutOff = false;
      transfer.progress({ type: 'reconnected' });
    },
    async send(request, signal, isToBeRepeated = isRetryable) {
      const { retryTimeoutMs, retryDelayMs } = settings;
      try {
        const sent = await retry(request, {
          retryTimeoutMs,
          longestPauseMs: retryTimeoutMs,
          retryDelayMs,
          isPassing: isToBeRepeated,
          signal,
          onRetry: (pauseMs, status) => transfer.progress({ type: 'retrying', pauseMs, status }),
        });
        if (isToBeRepeated(sent.reply)) throw toTransferError(sent.reply);
        transfer.answered();
        return sent;
      } catch (cause) {
        if (cause instanceof RelayUnreachable) throw new TransferError('unreachable', cause.message, { cause });
        throw cause;
      }
    },
    async sendOnce(request, signal, heldSeconds = 0) {
      const timeoutMs = settings.timeoutMs + heldSeconds * 1000;
      const reply = await sendOnce(request, { ...settings, timeoutMs }, signal);
      hasSeenEcho ||= reply.hasEcho;
      // A relay that has sent the id back once does so always.
      return hasSeenEcho ? { ...reply, isOfRelay: reply.hasEcho } : reply;
    },
    readOnce(seconds, signal) {
      const { state } = journal;
      const request = readRequest(state, seconds, transfer.lastReadVersion, state.bound ? undefined : token);
      return transfer.sendOnce(request, signal, seconds);
    },
    async read(signal) {
      // The read may bind: without its claim kept, an app that is killed now could never come back.
      await abortable(journal.ensureSaved(), signal);
      const { reply } = await transfer.send(() => transfer.readOnce(0, signal), signal);
      if (reply.status !== 200) throw await transfer.toError(reply);
      return parseRead(reply);
    },
    async unseenFingerprint({ payload }) {
      const fingerprint = await fingerprintPayload(payload);
      return isKnown(journal.state, fingerprint) || delivered?.fingerprint === fingerprint ? undefined : fingerprint;
    },
    async applyRead({ version, receiver, expiration = journal.state.expiration }, isCurrent) {
      const before = journal.state;
      const bound = before.role === 'receiver' || (receiver === undefined ? before.bound : receiver === 'bound');
      const after = { bound, expiration, version: isCurrent && delivered === undefined ? version : before.version };
      if (isCurrent && delivered !== undefined) delivered = { ...delivered, version };
      if (bound !== before.bound || after.version !== before.version || expiration !== before.expiration) {
        await journal.save(after);
      }
      if (bound !== before.bound) transfer.progress({ type: bound ? 'opened' : 'left' });
    },
    isSameReceiver({ version, receiver }) {
      const { role, bound, version: known } = journal.state;
      return role === 'receiver' || version === known || receiver === 'none' || (receiver === 'bound' && !bound);
    },
    deliver(message) {
      delivered = message;
      if (journal.state.pending === undefined) transfer.failedMessage = undefined;
    },
    async acknowledge() {
      const taken = delivered;
      if (taken === undefined) return;
      const { fingerprint, version, isOpened } = taken;
      // What could not be opened may be of anyone, and as much as they like: it has one place, and not one in the list.
      const dealtWith = isOpened
        ? { seen: addFingerprint(journal.state.seen, fingerprint) }
        : { unopened: fingerprint };
      await journal.save({ ...dealtWith, version });
      if (delivered === taken) delivered = undefined;
    },
    forget(fingerprint) {
      if (delivered?.fingerprint === fingerprint) delivered = undefined;
    },
    async toError(reply) {
      const { role, bound, pending } = journal.state;
      if (reply.status === 404) {
        const isOurs = pending?.operation === 'delete';
        await transfer.end(isOurs ? OWN_DELETE[role] : transfer.inferEnding(reply));
        return transfer.gone();
      }
      const error = toTransferError(reply);
      // A relay that names no codes refuses the first read of a device for one reason only.
      const isTaken =
        reply.status === 401 && reply.isOfRelay && role === 'receiver' && !bound && error.relayCode === undefined;
      return isTaken ? new TransferError('already_claimed', error.message, { status: 401 }) : error;
    },
    async end(how) {
      if (journal.state.ended !== undefined) return;
      // It has ended whether that can be kept or not; what is kept now leads here again.
      await journal.save({ ended: how, pending: undefined }).catch(() => {});
      transfer.progress({ type: 'ended', how });
    },
    inferEnding(reply) {
      return serverTime(reply) >= Date.parse(journal.state.expiration ?? '') ? 'expired' : 'deleted';
    },
    gone: () => new TransferError('gone', 'The mailbox is gone.', { ended: journal.state.ended }),
  };
  return transfer;
}

/** What a delete means to the device that asked for it. */
export const OWN_DELETE = { sender: 'cancelled', receiver: 'finished' } as const;
