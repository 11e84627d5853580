import type { DisplayInformation } from '../protocol/bodies.js';
import { isRetryable, TransferError, toTransferError } from './errors.js';
import { openInformation, type ProvisioningInformation } from './information.js';
import type { CallOptions } from './options.js';
import {
  abortable,
  delay,
  monotonicNow,
  retryAfterMs,
  retryDelay,
  throwIfAborted,
  type WireResponse,
} from './request.js';
import type { Transfer } from './transfer.js';
import { parseRead, type ReadResult } from './wire.js';
import type { Writes } from './writes.js';

/** A message of the other device, opened. */
export interface Message extends ProvisioningInformation {
  /** What people are shown of the share. */
  readonly display: DisplayInformation;
}

/** How a device hears of the other one. */
export interface MessageReader {
  /** The next message; `undefined` once the mailbox is gone. Waits for it as long as it takes. */
  next(options?: CallOptions): Promise<Message | undefined>;
  /** A message if there is one now; does not wait. */
  check(options?: CallOptions): Promise<Message | undefined>;
}

/** An answer that came this soon was not held, in ms. Below the one second that is the shortest hold. */
const INTERRUPTED_WITHIN_MS = 900;
/** Held reads in a row that may be cut before the device takes to short ones. */
const MAXIMUM_INTERRUPTIONS = 3;
/** Short reads after which a held one is tried again. */
const POLLS_PER_TRY = 10;
/** Answers in a row that come soon and bring nothing new, before the device paces itself whatever the versions are. */
const MAXIMUM_EMPTY_ANSWERS = 3;
/** Longest pause that a relay with nothing new may ask for, in ms. */
const LONGEST_IDLE_MS = 300_000;

/** Makes the lookout of one transfer. */
export function createMessageReader(transfer: Transfer, writes: Writes): MessageReader {
  const { store: journal } = transfer;
  const { waitSeconds, pollMs, retryTimeoutMs, retryDelayMs } = transfer.settings;
  // How long reads may be held on this way: longer than some proxy likes, and they are cut.
  /** Seconds to ask for; 0: not at all. */
  let holdSeconds = Math.floor(waitSeconds);
  /** Held reads in a row that brought no answer. */
  let cuts = 0;
  /** Milliseconds after which the last one was cut, until a short read shows that the way as such is open. */
  let suspicion: number | undefined;
  /** Pauses between short reads since held ones were given up. */
  let polls = 0;
  let turn: Promise<unknown> = Promise.resolve();
  /** Reads that were taken in; one that was begun before the last of them may tell of what is over. */
  let taken = 0;
  /** Answers in a row that were not held and brought nothing new. */
  let vain = 0;

  /** Before a read: what the app had is dealt with, and a write of an earlier process is carried out. */
  async function prepare(signal: AbortSignal | undefined): Promise<void> {
    throwIfAborted(signal);
    await abortable(transfer.acknowledge(), signal);
    await abortable(journal.ensureSaved(), signal);
    if (journal.state.pending !== undefined && !transfer.isWriting) {
      await transfer.inTurn(() => writes.settle(signal), signal);
    }
  }

  /** One after another: two reads at once may find the same message. */
  function messageIn(found: ReadResult, begun: number, signal: AbortSignal | undefined): Promise<Message | undefined> {
    const mine = turn.then(() => (begun === taken ? take(found, signal) : undefined));
    turn = mine.catch(() => {});
    return mine;
  }

  async function take(found: ReadResult, signal: AbortSignal | undefined): Promise<Message | undefined> {
    const fingerprint = await transfer.unseenFingerprint(found);
    await abortable(transfer.applyRead(found, fingerprint === undefined && transfer.isSameReceiver(found)), signal);
    taken += 1;
    const message = fingerprint === undefined ? undefined : await opened(found, fingerprint);
    transfer.lastReadVersion = found.version;
    return message;
  }

  /** The message that was found. One that cannot be opened never will be: the app hears of it once, as an error. */
  async function opened(found: ReadResult, fingerprint: string): Promise<Message> {
    const delivered = { fingerprint, version: found.version };
    try {
      const message = {
        ...(await openInformation(found.payload, journal.state.secret)),
        display: found.displayInformation,
      };
      transfer.progress({ type: 'message' });
      transfer.deliver({ ...delivered, isOpened: true });
      return message;
    } catch (error) {
      // The next read is not held at this version: it may have been changed on its way to here only.
      if (error instanceof TransferError) transfer.deliver({ ...delivered, isOpened: false });
      throw error;
    }
  }

  /** The result of a held read that was answered, or of the short one after a held read that was not. */
  function learn(wasHeld: boolean): void {
    if (wasHeld) {
      cuts = 0;
      holdSeconds = Math.min(Math.floor(waitSeconds), holdSeconds + 1);
      return;
    }
    if (suspicion === undefined) return;
    cuts += 1;
    const secondsThatPass = Math.floor((suspicion * 0.8) / 1000);
    holdSeconds = cuts >= MAXIMUM_INTERRUPTIONS ? 0 : Math.max(1, Math.min(holdSeconds, secondsThatPass));
    suspicion = undefined;
    if (cuts === MAXIMUM_INTERRUPTIONS) transfer.progress({ type: 'polling' });
  }

  /** What cut held reads may be gone: now and then a short hold is tried. */
  function holdAgain(): void {
    if (cuts < MAXIMUM_INTERRUPTIONS || waitSeconds < 1) return;
    polls += 1;
    if (polls % POLLS_PER_TRY === 0) holdSeconds = 1;
  }

  function secondsToHold(): number {
    // Until this process has looked once, it cannot know whether the app has dealt with what is in the mailbox.
    const hasLooked = transfer.lastReadVersion !== undefined && journal.state.expiration !== undefined;
    return hasLooked && suspicion === undefined ? holdSeconds : 0;
  }

  async function next({ signal }: CallOptions = {}): Promise<Message | undefined> {
    await prepare(signal);
    let failures = 0;
    let failingSince = 0;
    let pollPauseMs = pollMs;
    while (journal.state.ended === undefined) {
      const { lastReadVersion: readVersion } = transfer;
      // After a failure a short one: only an answer tells that the relay is back.
      const seconds = failures === 0 ? secondsToHold() : 0;
      const started = monotonicNow();
      const begun = taken;
      const reply = await transfer.readOnce(seconds, signal).catch(() => throwIfAborted(signal));
      const took = monotonicNow() - started;
      if (reply === undefined || isRetryable(reply)) {
        failures += 1;
        // Not since the last good answer: a device that slept has not tried.
        if (failures === 1) failingSince = monotonicNow();
        const status = reply === undefined ? 0 : reply.status;
        const isCut = seconds > 0 && status !== 429 && status !== 503;
        if (isCut) suspicion = took;
        // Straight after a cut a short read tells whether something has happened meanwhile.
        const pauseMs = Math.max(
          isCut ? 0 : retryDelay(failures, retryDelayMs),
          reply === undefined ? 0 : retryAfterMs(reply),
        );
        await sitOut(pauseMs, failingSince, reply, signal);
        continue;
      }
      failures = 0;
      transfer.answered();
      learn(seconds > 0);
      if (reply.status !== 200 && reply.status !== 204) {
        if (await hasLeft(signal)) return undefined;
        const error = await transfer.toError(reply);
        if (error.code === 'gone') return undefined;
        throw error;
      }
      const message = reply.status === 200 ? await messageIn(parseRead(reply), begun, signal) : undefined;
      if (message !== undefined) {
        vain = 0;
        return message;
      }
      // Nothing new, and not held: the relay does not know how to wait, or cannot now.
      vain = took < INTERRUPTED_WITHIN_MS ? vain + 1 : 0;
      const isSame = transfer.lastReadVersion === readVersion || vain > MAXIMUM_EMPTY_ANSWERS;
      if (!isSame || (seconds > 0 ? took >= INTERRUPTED_WITHIN_MS : secondsToHold() > 0)) {
        pollPauseMs = pollMs;
        continue;
      }
      const asked = Math.min(retryAfterMs(reply), LONGEST_IDLE_MS);
      await delay(Math.max(pollPauseMs * (0.75 + Math.random() / 2), asked), signal);
      pollPauseMs = Math.min(pollPauseMs * 1.5, pollMs * 8);
      holdAgain();
    }
    return undefined;
  }

  /** Whether this device has left the mailbox while the read was under way: then its refusal is no news. */
  async function hasLeft(signal: AbortSignal | undefined): Promise<boolean> {
    const operation = journal.state.pending?.operation;
    if (operation === 'delete' || operation === 'relinquish') await abortable(transfer.idle(), signal);
    return journal.state.ended !== undefined;
  }

  async function sitOut(
    pauseMs: number,
    failingSince: number,
    reply: WireResponse | undefined,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (monotonicNow() + pauseMs - failingSince > retryTimeoutMs) {
      throw reply === undefined
        ? new TransferError('unreachable', 'The relay did not answer.')
        : toTransferError(reply);
    }
    transfer.progress({ type: 'retrying', pauseMs, status: reply?.status });
    await delay(pauseMs, signal);
  }

  return {
    next,
    async check({ signal } = {}) {
      await prepare(signal);
      if (journal.state.ended !== undefined) return undefined;
      try {
        for (;;) {
          const begun = taken;
          const found = await transfer.read(signal);
          if (begun === taken) return await messageIn(found, begun, signal);
        }
      } catch (error) {
        if (error instanceof TransferError && error.code === 'gone') return undefined;
        throw error;
      }
    },
  };
}
