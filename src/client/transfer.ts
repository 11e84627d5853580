import type { NotificationToken } from '../protocol/bodies.js';
import { type Ending, PASSING, TransferError, transferErrorOf } from './errors.js';
import { fingerprintOf } from './information.js';
import type { Progress, Settings } from './options.js';
import { orAborted, persist, RelayUnreachable, type Reply, sendOnce, throwIfAborted, timeOf } from './request.js';
import { addSeen, type Journal } from './state.js';
import { type Found, foundIn, readRequest } from './wire.js';

/** One device's side of one transfer: what reads and writes have in common. */
export interface Transfer {
  readonly journal: Journal;
  readonly settings: Settings;
  /** True while a write is under way or waits for its turn. */
  readonly isWriting: boolean;
  /** Runs writes one after another. Throws the signal's reason when that is aborted before the turn has come. */
  inTurn<Value>(task: () => Promise<Value>, signal: AbortSignal | undefined): Promise<Value>;
  /** Resolves when no write is under way. */
  idle(): Promise<void>;
  progress(progress: Progress): void;
  /** The relay has answered: reports it, if requests had to be sent again. */
  answered(): void;
  /** One request, sent again as long as that helps. Throws `unreachable` when nothing answered. */
  send(request: () => Promise<Reply>, signal: AbortSignal | undefined): Promise<{ reply: Reply; attempts: number }>;
  /** One try of a read, which the relay may hold for so many seconds. */
  readOnce(seconds: number, signal: AbortSignal | undefined): Promise<Reply>;
  /** A read that is not held. Throws what {@link Transfer.refusal} gives, or `unreachable`. */
  look(signal: AbortSignal | undefined): Promise<Found>;
  /** Remembers what a read told, and reports a receiver that came or left. */
  absorb(found: Found): Promise<void>;
  /** The fingerprint of a payload that this device neither wrote nor has dealt with; else `undefined`. */
  newsIn(found: Found): Promise<string | undefined>;
  /** The message with this fingerprint is with the app; it is dealt with when the app asks for the next, or answers. */
  deliver(fingerprint: string): void;
  /** `seen`, with the message that the app has. */
  dealtWith(): readonly string[];
  /** What an answer that is no success means; ends the transfer if the mailbox is gone. */
  refusal(reply: Reply): Promise<TransferError>;
  end(how: Ending): Promise<void>;
  /** How the other side ended the mailbox, judged by an answer that says that it is gone. */
  endingBy(reply: Reply): Ending;
  /** The error that says how the transfer ended. */
  gone(): TransferError;
}

/** Makes what the two sides are built on. `token` is left with the relay by the read that binds. */
export function createTransfer(journal: Journal, settings: Settings, token?: NotificationToken): Transfer {
  let turn: Promise<unknown> = Promise.resolve();
  let writers = 0;
  let delivered: string | undefined;
  let isCutOff = false;

  const transfer: Transfer = {
    journal,
    settings,
    get isWriting() {
      return writers > 0;
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
      return orAborted(mine, signal);
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
    async send(request, signal) {
      const { patienceMs, backOffMs } = settings;
      try {
        const sent = await persist(request, {
          attempts: Number.POSITIVE_INFINITY,
          patienceMs,
          longestPauseMs: patienceMs,
          backOffMs,
          passing: PASSING,
          signal,
          onRetry: (pauseMs, status) => transfer.progress({ type: 'retrying', pauseMs, status }),
        });
        if (!PASSING.has(sent.reply.status)) transfer.answered();
        return sent;
      } catch (cause) {
        if (cause instanceof RelayUnreachable) throw new TransferError('unreachable', cause.message, { cause });
        throw cause;
      }
    },
    readOnce(seconds, signal) {
      const request = readRequest(journal.state, seconds, journal.state.bound ? undefined : token);
      return sendOnce(request, { ...settings, timeoutMs: settings.timeoutMs + seconds * 1000 }, signal);
    },
    async look(signal) {
      // The read may bind: without its claim kept, an app that is killed now could never come back.
      await journal.ensureKept();
      const { reply } = await transfer.send(() => transfer.readOnce(0, signal), signal);
      if (reply.status !== 200) throw await transfer.refusal(reply);
      return foundIn(reply);
    },
    async absorb({ version, receiver, expiration = journal.state.expiration }) {
      const before = journal.state;
      const bound = before.role === 'receiver' || (receiver === undefined ? before.bound : receiver === 'bound');
      if (bound !== before.bound || version !== before.version || expiration !== before.expiration) {
        await journal.save({ bound, version, expiration });
      }
      if (bound !== before.bound) transfer.progress({ type: bound ? 'opened' : 'left' });
    },
    async newsIn({ payload }) {
      const fingerprint = await fingerprintOf(payload);
      return fingerprint === delivered || journal.state.seen.includes(fingerprint) ? undefined : fingerprint;
    },
    deliver(fingerprint) {
      delivered = fingerprint;
      transfer.progress({ type: 'message' });
    },
    dealtWith: () => (delivered === undefined ? journal.state.seen : addSeen(journal.state.seen, delivered)),
    async refusal(reply) {
      const { role, bound } = journal.state;
      if (reply.status === 404) {
        await transfer.end(transfer.endingBy(reply));
        return transfer.gone();
      }
      const error = transferErrorOf(reply);
      // A relay that names no codes refuses the first read of a device for one reason only.
      const isTaken = reply.status === 401 && role === 'receiver' && !bound && error.relayCode === undefined;
      return isTaken ? new TransferError('taken', error.message, { status: 401 }) : error;
    },
    async end(how) {
      if (journal.state.ended !== undefined) return;
      await journal.save({ ended: how, pending: undefined });
      transfer.progress({ type: 'ended', how });
    },
    endingBy(reply) {
      return timeOf(reply) >= Date.parse(journal.state.expiration ?? '') ? 'expired' : 'deleted';
    },
    gone: () => new TransferError('gone', 'The mailbox is gone.', { ended: journal.state.ended }),
  };
  return transfer;
}
