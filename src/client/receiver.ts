import type { DisplayInformation, NotificationToken } from '../protocol/bodies.js';
import { REQUEST_ID } from '../protocol/header-names.js';
import { toBase64Url } from './base64.js';
import { type Checks, checkOptions, checkText } from './check.js';
import { sendRequest, sendWithRetries } from './connection.js';
import { generateUuid } from './crypto.js';
import { isRetryable, toTransferError } from './errors.js';
import type { WireResponse } from './http-message.js';
import { mayOpen, parseBase } from './links.js';
import { type Message, MessageReader } from './message-reader.js';
import { CALL, checkHosts, checkToken, RESUME, TRANSFER } from './option-checks.js';
import {
  assertOptions,
  type CallOptions,
  type ResumeOptions,
  resolveSettings,
  type TransferOptions,
} from './options.js';
import { sendPending } from './pending-writes.js';
import { parseDisplayInformation } from './preview.js';
import { parseSecret } from './secret-text.js';
import type { Share } from './share.js';
import { parseShareUrl } from './share-url.js';
import { checkState, createState, StateStore, type TransferState, toGoneError, toNotAllowedError } from './state.js';
import { Transfer } from './transfer.js';
import { leave, sendReply, setNotificationToken } from './writes.js';

/** Options of {@link createReceiver}. */
export interface ReceiverOptions extends TransferOptions {
  /**
   * Hosts of the relays that the receiver may call: `relay.example`, or `relay.example:8443` if the port is not 443.
   * Only a listed host may be on this machine or in a private network. Default: every public domain name, by https.
   * Links come from strangers, so name your relays if you know them.
   */
  readonly relays?: readonly string[] | undefined;
}

/** Options of {@link Receiver.open}. */
export interface OpenOptions {
  /** The relay notifies this device when the sender writes. The read that binds sends it. Default: no notification. */
  readonly notificationToken?: NotificationToken | undefined;
  /** The Secret, if it came apart from the link (TIGRESS §8.2.1). Default: the Secret in the link. */
  readonly secret?: string | undefined;
}

/** Options of {@link Receiver.resume}. */
export interface ReceiverResumeOptions extends ResumeOptions {
  /** Another Secret than the one in the state, after `tampered`: a person may have typed or pasted a wrong one. */
  readonly secret?: string | undefined;
}

/** A share on the receiver's device. */
export interface ReceivedShare extends Share {
  /**
   * Reads the preview page: the texts and the picture of the sender. Does not bind this device. Escape the texts before
   * you show them as HTML.
   *
   * @throws {TransferError} `gone`, `refused`, `unreachable`.
   */
  preview(options?: CallOptions): Promise<DisplayInformation>;
  /**
   * Waits for the sender's next message. The first call is the read that binds this device, and returns the message in
   * the mailbox. A call acknowledges the previous message, as `reply` and `finish` do; if the app is killed before
   * that, the message comes again. Do not make two calls at a time.
   *
   * @throws {TransferError} `already_claimed` if another device opened the share first, `gone` when the mailbox is
   * gone; `tampered`, `malformed`, `refused`, `unreachable`.
   */
  next(options?: CallOptions): Promise<Message>;
  /** All messages of the sender until this device finishes or relinquishes. Throws like {@link ReceivedShare.next}. */
  messages(options?: CallOptions): AsyncGenerator<Message, void, undefined>;
  /**
   * Deletes the mailbox, after the credential is stored. Resolves also if the mailbox is gone.
   *
   * @throws {TransferError} `refused`, `unreachable`.
   */
  finish(options?: CallOptions): Promise<void>;
  /**
   * Releases the mailbox, so that another device can open the link. That device finds the latest message in the
   * mailbox, from either side. This device can never open the link again.
   *
   * @throws {TransferError} `refused`, `unreachable`.
   */
  relinquish(options?: CallOptions): Promise<void>;
}

/** Opens shares. */
export interface Receiver {
  /**
   * Opens a share URL. Sends nothing yet. Mends a link that was altered on its way; see {@link parseShareUrl}.
   *
   * @param url A share URL, or a text with one. Without a Secret in it, pass the option `secret`.
   * @throws {TypeError} The text is not a share URL, there is no Secret, or link and option have two different Secrets.
   * @throws {TransferError} `not_allowed` if the URL leads to a relay that the receiver may not call.
   */
  open(url: string, options?: OpenOptions): ReceivedShare;
  /**
   * Resumes a share from its saved state, and sends its pending write. With another Secret, the message that could not
   * be opened comes again.
   *
   * @throws {TransferError} `not_allowed` if the state has a URL that the receiver may not call; `conflict`, `gone`,
   * `refused`, `unreachable` or `malformed` of the pending write.
   * @throws {TypeError} The value is not the state of a receiver, or the Secret is invalid.
   */
  resume(state: TransferState, options?: ReceiverResumeOptions): Promise<ReceivedShare>;
}

const RECEIVER: Checks<ReceiverOptions> = { relays: checkHosts, ...TRANSFER };

const OPEN: Checks<OpenOptions> = { notificationToken: checkToken, secret: checkText };

const RECEIVER_RESUME: Checks<ReceiverResumeOptions> = { ...RESUME, secret: checkText };

/** After these endings, `messages` returns instead of throwing. */
const OWN_ENDINGS: readonly (string | undefined)[] = ['finished', 'relinquished'];

/**
 * Creates a receiver.
 *
 * @throws {TypeError} An option is invalid, or the runtime lacks `fetch`, `AbortController` or WebCrypto (option `crypto`).
 * @see docs/client.md; SCT §3, TIGRESS §6
 * @example
 * const received = createReceiver({ relays: ['relay.example'] }).open(url);
 * const { title } = await received.preview(); // Does not bind this device.
 * const { content } = await received.next(); // Binds this device.
 * await received.finish();
 */
export function createReceiver(options: ReceiverOptions = {}): Receiver {
  assertOptions('receiver', options, RECEIVER);
  const settings = resolveSettings(options, 'receiver');
  if (options.headers !== undefined && options.relays === undefined)
    throw new TypeError('receiver.headers: requires receiver.relays');
  const hosts = options.relays?.map(parseHost);

  // A link may lead to any server, and that server would learn about this device.
  const mayCall = (mailboxUrl: string): boolean => mayOpen(mailboxUrl, hosts);

  return {
    open(url, openOptions = {}) {
      checkOptions('open', openOptions, OPEN);
      const { notificationToken, secret: separate } = openOptions;
      const { mailboxUrl, secret: attached, vertical } = parseShareUrl(url);
      if (!mayCall(mailboxUrl)) throw toNotAllowedError();
      // Before the first request: a device that cannot read the messages must not be bound.
      const secret = resolveSecret(attached, separate);
      const state = createState('receiver', { secret, vertical, mailboxUrl, notificationToken }, settings.crypto);
      const store = new StateStore(state, options.onState, false);
      return createReceivedShare(new Transfer(store, settings));
    },
    async resume(state, resumeOptions = {}) {
      checkOptions('resume', resumeOptions, RECEIVER_RESUME);
      const { signal, notificationToken, secret } = resumeOptions;
      const known = checkState(state, 'receiver', mayCall);
      const other = secret === undefined ? {} : { secret: resolveSecret(undefined, secret), unopened: undefined };
      const store = new StateStore({ ...known, ...other }, options.onState, secret === undefined);
      const transfer = new Transfer(store, settings);
      if (notificationToken !== undefined) await transfer.setToken(notificationToken);
      await sendPending(transfer, signal);
      return createReceivedShare(transfer);
    },
  };
}

function createReceivedShare(transfer: Transfer): ReceivedShare {
  const reader = new MessageReader(transfer);
  return {
    get state() {
      return transfer.state;
    },
    get display() {
      return transfer.display;
    },
    get isPushNotificationSupported() {
      return transfer.state.isPushNotificationSupported;
    },
    setNotificationToken: (token, options) => setNotificationToken(transfer, token, options),
    preview: (options) => readPreview(transfer, options),
    async next(options) {
      const message = await reader.next(options);
      if (message === undefined) throw toGoneError(transfer.state);
      return message;
    },
    check: (options) => reader.check(options),
    async *messages(options) {
      for (;;) {
        const message = await reader.next(options);
        if (message !== undefined) yield message;
        else if (OWN_ENDINGS.includes(transfer.state.ended)) return;
        else throw toGoneError(transfer.state);
      }
    },
    reply: (information, options) => sendReply(transfer, information, options),
    finish: (options) => leave(transfer, 'delete', options),
    relinquish: (options) => leave(transfer, 'relinquish', options),
  };
}

/** ReadDisplayInformationFromMailbox. Sends no Device Claim, so it binds no device. */
async function readPreview(transfer: Transfer, options: CallOptions = {}): Promise<DisplayInformation> {
  checkOptions('preview', options, CALL);
  const { signal } = options;
  const headers = { [REQUEST_ID]: generateUuid(transfer.settings.crypto) };
  const request = { method: 'GET', url: transfer.state.mailboxUrl ?? '', headers };
  // A page is HTML. If CORS hides the Mailbox-Request-ID, it would look like the page of a proxy.
  const shouldRetry = (reply: WireResponse): boolean => reply.status !== 200 && isRetryable(reply);
  const { reply } = await sendWithRetries(transfer, () => sendRequest(transfer, request, signal), signal, shouldRetry);
  if (reply.status === 404) throw await transfer.toError(reply);
  if (reply.status !== 200) throw toTransferError(reply);
  return parseDisplayInformation(reply.text);
}

/** The Secret of the link or of the option `secret`. Throws a TypeError unless there is exactly one. */
function resolveSecret(attached: string | undefined, separate: string | undefined): string {
  const [inLink, apart] = [attached, separate].map((text) => (text === undefined ? undefined : parseSecret(text)));
  if (attached === undefined && separate === undefined) {
    throw new TypeError('shareUrl: has no Secret, the part after #; pass the Secret as the option secret');
  }
  if (separate !== undefined && apart === undefined) throw new TypeError('secret: must be a Secret of 16 or 32 bytes');
  if (attached !== undefined && inLink === undefined) {
    throw new TypeError('shareUrl: must have a Secret of 16 or 32 bytes; the link may be cut off or altered');
  }
  if (inLink !== undefined && apart !== undefined && toBase64Url(inLink) !== toBase64Url(apart)) {
    throw new TypeError('secret: differs from the Secret in the link; pass the link that belongs to it');
  }
  return toBase64Url(apart ?? inLink ?? '');
}

/** The host of an option, in the normal form of URLs. */
function parseHost(entry: string): string {
  const [, host] = /^https:\/\/([^/]*)$/.exec(parseBase(`https://${entry}`) ?? '') ?? [];
  if (host === undefined) throw new TypeError('receiver.relays: must be of the form host or host:port');
  return host;
}
