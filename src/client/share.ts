import type { DisplayInformation, NotificationToken } from '../protocol/bodies.js';
import type { Message } from './message-reader.js';
import type { CallOptions } from './options.js';
import type { TransferState } from './state.js';
import type { SendReply } from './writes.js';

/** The common part of {@link SentShare} and {@link ReceivedShare}. */
export interface Share {
  /** The current state, as `onState` receives it. It contains the Device Claim and the Secret. */
  readonly state: TransferState;
  /**
   * The title, the description and the picture of the share. `undefined` until this device has created or read the
   * mailbox. They are not part of a message, so that no format can have a member with the same name.
   */
  readonly display: DisplayInformation | undefined;
  /**
   * True if the relay notifies this device through its notification token when the other device writes. False without a
   * token, and for a token that the relay has no notifier for: then wait, or `check` from time to time. `undefined`
   * until the relay has answered.
   */
  readonly isPushNotificationSupported: boolean | undefined;
  /**
   * Leaves or replaces the notification token, after the push service of the phone has given the app another one. The
   * state keeps the token until the relay has it: if this call fails, the next read or reply carries the token. A
   * receiver that is not bound yet sends nothing, and leaves the token with the read that binds.
   *
   * @returns As `isPushNotificationSupported`; `undefined` if nothing was sent, or if the relay did not answer it. A
   * relay of an older version takes a token with the next reply only.
   * @throws {TransferError} `gone`, `refused`, `unreachable`, `malformed`.
   */
  setNotificationToken(token: NotificationToken, options?: CallOptions): Promise<boolean | undefined>;
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
