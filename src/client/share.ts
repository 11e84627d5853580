import type { Message } from './message-reader.js';
import type { CallOptions } from './options.js';
import type { TransferState } from './state.js';
import type { SendReply } from './writes.js';

/** The common part of {@link SentShare} and {@link ReceivedShare}. */
export interface Share {
  /** The current state, as `onState` receives it. It contains the Device Claim and the Secret. */
  readonly state: TransferState;
  /**
   * Reads once and does not wait: use it after a push notification. Like `next`, it acknowledges the previous message,
   * so do not call it while a loop still handles one.
   *
   * @returns The new message; `undefined` if there is none, or if the mailbox is gone.
   * @throws {TransferError} All codes of `next` except `gone`.
   */
  check(options?: CallOptions): Promise<Message | undefined>;
  /**
   * Writes a message into the mailbox. Safe to retry: after `unreachable`, calling it again with the same message
   * resumes the pending write, unless another message arrived in between. If the mailbox disappears during the retry,
   * the promise resolves and the next call reports the end.
   *
   * @throws {TransferError} `conflict` if the mailbox holds a message that this device has not received;
   * `receiver_changed` with `sameReceiver`; `gone`, `refused`, `unreachable`, `too_large`, `malformed`.
   * @throws {TypeError} `information` is not Provisioning Information.
   */
  readonly reply: SendReply;
}
