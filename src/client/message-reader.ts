import { checkOptions } from './check.js';
import { reportProgress, reportResponse, reportRetry } from './connection.js';
import { isRetryable, TransferError, toTransferError } from './errors.js';
import { Wait } from './held-reads.js';
import { HoldDuration } from './hold-duration.js';
import type { WireResponse } from './http-message.js';
import { openInformation, type ProvisioningInformation } from './information.js';
import { CALL } from './option-checks.js';
import type { CallOptions } from './options.js';
import { sendPending } from './pending-writes.js';
import { parseRetryAfter } from './response-headers.js';
import { getRetryDelay } from './retry.js';
import type { TransferState } from './state.js';
import { TaskQueue } from './task-queue.js';
import { abortable, monotonicNow, throwIfAborted } from './timing.js';
import type { Transfer } from './transfer.js';
import { parseRead, type ReadResult } from './wire.js';

/** A received message: the Provisioning Information of the other device, and nothing else. */
export type Message = ProvisioningInformation;

/** A response after fewer ms was not held. The shortest hold is one second. */
const NOT_HELD_BELOW_MS = 900;

/** After so many fast responses without a message, the device pauses, even if each has another version. */
const MAXIMUM_EMPTY_FAST_ANSWERS = 3;

/** The device obeys `Retry-After` of a response without a message up to so many ms. */
const LONGEST_IDLE_MS = 300_000;

/** The progress of one call of `next`. */
interface PollState {
  /** Failed reads in a row. */
  failures: number;
  /** Time of the first of these. Not of the last response: a device that slept has not tried in between. */
  failingSince: number;
  /** The next pause between reads that the relay does not hold. */
  pauseMs: number;
  /** The place of this call among the waits on the same relay. */
  readonly wait: Wait;
}

/** Receives the messages of the other device. */
export class MessageReader {
  readonly #transfer: Transfer;
  readonly #hold: HoldDuration;
  readonly #queue = new TaskQueue();
  #appliedReads = 0;
  #emptyFastAnswers = 0;

  constructor(transfer: Transfer) {
    this.#transfer = transfer;
    this.#hold = new HoldDuration(transfer.settings.waitSeconds);
  }

  /** Waits for the next message; `undefined` when the mailbox is gone. */
  async next(options: CallOptions = {}): Promise<Message | undefined> {
    checkOptions('next', options, CALL);
    const { signal } = options;
    await this.#prepare(signal);
    const { store, settings } = this.#transfer;
    const wait = new Wait(store.state.mailboxUrl ?? '', settings.maximumHeldReads);
    const poll: PollState = { failures: 0, failingSince: 0, pauseMs: settings.pollMs, wait };
    const removeListener = store.onEnd(() => wait.wake());
    try {
      while (this.#transfer.state.ended === undefined) {
        const message = await this.#poll(poll, signal);
        if (message !== undefined) return message;
      }
      return undefined;
    } finally {
      removeListener();
      wait.end();
    }
  }

  /** The next message if there is one; does not wait. */
  async check(options: CallOptions = {}): Promise<Message | undefined> {
    checkOptions('check', options, CALL);
    const { signal } = options;
    await this.#prepare(signal);
    try {
      for (;;) {
        const appliedReads = this.#appliedReads;
        const found = await this.#transfer.read(signal);
        if (appliedReads === this.#appliedReads) return await this.#receive(found, appliedReads, signal);
      }
    } catch (error) {
      if (error instanceof TransferError && error.code === 'gone') return undefined;
      throw error;
    }
  }

  /** Acknowledges the previous message, and sends a write that was pending when the app was killed. */
  async #prepare(signal: AbortSignal | undefined): Promise<void> {
    const { store } = this.#transfer;
    throwIfAborted(signal);
    await abortable(this.#transfer.acknowledge(), signal);
    await abortable(store.ensureSaved(), signal);
    if (store.state.pending !== undefined && !this.#transfer.writes.isBusy) {
      await this.#transfer.writes.run(() => sendPending(this.#transfer, signal), signal);
    }
  }

  /** Reads once, and pauses if there is no message. */
  async #poll(poll: PollState, signal: AbortSignal | undefined): Promise<Message | undefined> {
    const transfer = this.#transfer;
    const { lastReadVersion } = transfer;
    const appliedReads = this.#appliedReads;
    // After a failure, a read that is not held shows sooner that the relay answers again.
    const possibleSeconds = poll.failures === 0 ? this.#secondsToHold() : 0;
    const mayHold = possibleSeconds > 0 && (await poll.wait.mayHold());
    const isInTurn = possibleSeconds > 0 && !mayHold;
    const seconds = mayHold ? possibleSeconds : 0;
    const started = monotonicNow();
    const reply = await this.#read(poll.wait, seconds, isInTurn, signal);
    const tookMs = monotonicNow() - started;
    if (reply === undefined || isRetryable(reply)) {
      const isInterrupted = seconds > 0 && reply?.status !== 429 && reply?.status !== 503;
      if (isInterrupted) this.#hold.recordInterruption(tookMs);
      return this.#pauseAfterFailure(poll, reply, isInterrupted, signal);
    }
    poll.failures = 0;
    reportResponse(transfer);
    if (this.#hold.recordResponse(seconds > 0)) reportProgress(transfer, { type: 'polling' });
    if (reply.status !== 200 && reply.status !== 204) return this.#assertEnded(reply, signal);
    const message = reply.status === 200 ? await this.#receive(parseRead(reply), appliedReads, signal) : undefined;
    const isFast = tookMs < NOT_HELD_BELOW_MS;
    this.#emptyFastAnswers = isFast && message === undefined ? this.#emptyFastAnswers + 1 : 0;
    if (message !== undefined) return message;
    if (isInTurn) return this.#pauseInTurn(poll.wait, reply, signal);
    const isSameVersion =
      transfer.lastReadVersion === lastReadVersion || this.#emptyFastAnswers > MAXIMUM_EMPTY_FAST_ANSWERS;
    const maySendNext = seconds > 0 ? !isFast : this.#secondsToHold() > 0;
    if (isSameVersion && !maySendNext) return this.#pauseBetweenPolls(poll, reply, signal);
    poll.pauseMs = transfer.settings.pollMs;
    return undefined;
  }

  /** Sends a read. `undefined` for an outage. If other waits have the held reads of this relay, the read has its turn. */
  async #read(
    wait: Wait,
    seconds: number,
    isInTurn: boolean,
    signal: AbortSignal | undefined,
  ): Promise<WireResponse | undefined> {
    try {
      const read = () => this.#transfer.readOnce(seconds, signal);
      return await (isInTurn ? wait.poll(read, signal) : read());
    } catch (error) {
      throwIfAborted(signal);
      if (error instanceof TransferError) throw error;
      return undefined;
    } finally {
      if (seconds > 0) wait.yield();
    }
  }

  #secondsToHold(): number {
    // Before the first read, the device does not know whether the app has acknowledged the content of the mailbox.
    const { lastReadVersion, state, tokenOfRead } = this.#transfer;
    // The answer to a read with a token says whether the relay has it, so that read is not held.
    if (tokenOfRead !== undefined) return 0;
    return lastReadVersion !== undefined && state.expiration !== undefined ? this.#hold.seconds : 0;
  }

  async #pauseAfterFailure(
    poll: PollState,
    reply: WireResponse | undefined,
    isInterrupted: boolean,
    signal: AbortSignal | undefined,
  ): Promise<undefined> {
    poll.failures += 1;
    poll.wait.stepBack();
    if (poll.failures === 1) poll.failingSince = monotonicNow();
    const { retryTimeoutMs, retryDelayMs } = this.#transfer.settings;
    const pauseMs = Math.max(
      // Directly after an interruption, a short read finds a message that has arrived in between.
      isInterrupted ? 0 : getRetryDelay(poll.failures, retryDelayMs),
      reply === undefined ? 0 : parseRetryAfter(reply),
    );
    if (monotonicNow() + pauseMs - poll.failingSince > retryTimeoutMs) {
      throw reply === undefined
        ? new TransferError('unreachable', 'The relay did not answer.')
        : toTransferError(reply);
    }
    reportRetry(this.#transfer, pauseMs, reply?.status);
    await poll.wait.pause(pauseMs, signal);
  }

  /** The relay did not hold the read: it cannot wait, or not now. */
  async #pauseBetweenPolls(poll: PollState, reply: WireResponse, signal: AbortSignal | undefined): Promise<undefined> {
    const requestedMs = Math.min(parseRetryAfter(reply), LONGEST_IDLE_MS);
    poll.wait.stepBack();
    await poll.wait.pause(Math.max(poll.pauseMs * (0.75 + Math.random() / 2), requestedMs), signal);
    poll.pauseMs = Math.min(poll.pauseMs * 1.5, this.#transfer.settings.pollMs * 8);
    this.#hold.recordPause();
  }

  /** Other waits have the held reads of this relay. The pause ends early when this wait gets a held read. */
  #pauseInTurn(wait: Wait, reply: WireResponse, signal: AbortSignal | undefined): Promise<undefined> {
    const requestedMs = Math.min(parseRetryAfter(reply), LONGEST_IDLE_MS);
    // The random part keeps the polls of several tabs apart.
    const intervalMs = wait.getInterval(this.#transfer.settings.pollMs) * (0.75 + Math.random() / 4);
    return wait.pause(Math.max(intervalMs, requestedMs), signal);
  }

  /** Throws unless an error response means the end of the transfer. */
  async #assertEnded(reply: WireResponse, signal: AbortSignal | undefined): Promise<undefined> {
    // If this device has left during the read, the error response is the result.
    const operation = this.#transfer.state.pending?.operation;
    if (operation === 'delete' || operation === 'relinquish') await abortable(this.#transfer.writes.idle(), signal);
    if (this.#transfer.state.ended !== undefined) return;
    const error = await this.#transfer.toError(reply);
    if (error.code !== 'gone') throw error;
  }

  /**
   * Applies reads one after another, because two concurrent reads may find the same message. Ignores a read that began
   * before the last applied one: it may have old content.
   */
  #receive(found: ReadResult, appliedReads: number, signal: AbortSignal | undefined): Promise<Message | undefined> {
    return this.#queue.run(() => (appliedReads === this.#appliedReads ? this.#apply(found, signal) : undefined));
  }

  async #apply(found: ReadResult, signal: AbortSignal | undefined): Promise<Message | undefined> {
    const transfer = this.#transfer;
    const fingerprint = await transfer.findNewFingerprint(found);
    await abortable(
      transfer.applyRead(found, fingerprint === undefined && isSameReceiver(transfer.state, found)),
      signal,
    );
    this.#appliedReads += 1;
    const message = fingerprint === undefined ? undefined : await this.#open(found, fingerprint);
    transfer.lastReadVersion = found.version;
    return message;
  }

  /** Opens a message and delivers it. The app receives one error for a message that cannot be opened. */
  async #open(found: ReadResult, fingerprint: string): Promise<Message> {
    const transfer = this.#transfer;
    const delivered = { fingerprint, version: found.version };
    try {
      const information = await openInformation(found.payload, transfer.state.secret, transfer.settings.crypto);
      reportProgress(transfer, { type: 'message' });
      transfer.deliver({ ...delivered, isOpened: true });
      return information;
    } catch (error) {
      // `lastReadVersion` stays: the content may have been changed in this response only, so the next read is not held.
      if (error instanceof TransferError) transfer.deliver({ ...delivered, isOpened: false });
      throw error;
    }
  }
}

/** True if a read without a new message shows that the same receiver, or no receiver, is bound as before. */
function isSameReceiver({ role, bound, version: known }: TransferState, { version, receiver }: ReadResult): boolean {
  return role === 'receiver' || version === known || receiver === 'none' || (receiver === 'bound' && !bound);
}
