import type { DisplayInformation, NotificationToken } from '../protocol/bodies.js';
import { formatExpiration } from '../protocol/expiration.js';
import { toBase64Url } from './base64.js';
import { type Checks, checkOptions, isOneOf } from './check.js';
import { TransferError } from './errors.js';
import { encodeInformation, fingerprintPayload, type OutgoingInformation } from './information.js';
import { isBelow, parseBases } from './links.js';
import { type Message, MessageReader } from './message-reader.js';
import {
  assertDisplay,
  assertSerializable,
  CALL,
  checkElsewhere,
  checkExpires,
  checkLinks,
  checkRights,
  checkToken,
  RESUME,
  TRANSFER,
} from './option-checks.js';
import {
  assertOptions,
  type CallOptions,
  type ResumeOptions,
  resolveSettings,
  type TransferOptions,
} from './options.js';
import { sendPending, submitWrite } from './pending-writes.js';
import { type AeadName, generateSecret, seal } from './seal.js';
import type { Share } from './share.js';
import { buildShareUrl, type Vertical } from './share-url.js';
import { checkState, createState, StateStore, type TransferState } from './state.js';
import { encodeText } from './text-codec.js';
import { Transfer } from './transfer.js';
import { normalizeDisplay } from './wire.js';
import { assertSize, leave, sendReply, setNotificationToken } from './writes.js';

/** Options of {@link createSender}. */
export interface SenderOptions extends TransferOptions {
  /** URL of the relay's mount point: https, or http on a loopback name. */
  readonly relay: string;
  /**
   * Other base URLs that the relay's links may have: an origin, or an origin and a path, like `relay`. Needed only if
   * the relay's links are on another origin than `relay`. Default: none.
   */
  readonly links?: readonly string[] | undefined;
}

/** Options of {@link Sender.share}. */
export interface ShareOptions extends CallOptions {
  /** The kind of credential, for the share URL. Default: none, which means general access. */
  readonly vertical?: Vertical | undefined;
  /**
   * The rights of the receiver (SCT and TIGRESS §6.1): `RD` to receive one message, `RWD` to reply. Default: the
   * relay's default, `RD`.
   */
  readonly accessRights?: string | undefined;
  /**
   * Lifetime of the share in seconds, above 0 and below 1e9. If the relay refuses the time because this device's clock
   * is wrong, the client uses the relay's clock. Default: the relay's default; 172,800 with `accessRights`.
   */
  readonly expiresInSeconds?: number | undefined;
  /** Default `AEAD_AES_256_GCM`. */
  readonly algorithm?: AeadName | undefined;
  /** The relay notifies this device when the receiver writes. Default: no notification. */
  readonly notificationToken?: NotificationToken | undefined;
}

/** A share on the sender's device. */
export interface SentShare extends Share {
  /** The link for the receiver, with the Secret. Any device that has the link can open the share. */
  readonly url: string;
  /**
   * The link without the Secret. Send `link` and `secret` by two channels, so that a person who gets one of them cannot
   * open the share (TIGRESS §8.2.1).
   */
  readonly link: string;
  /** The Secret as base64url without padding, for {@link OpenOptions.secret}. */
  readonly secret: string;
  /**
   * Waits for the receiver's next message. A call acknowledges the previous message, as `reply` and `cancel` do; if the
   * app is killed before that, the message comes again. Do not make two calls at a time.
   *
   * @returns `undefined` when the mailbox is gone; `state.ended` has the reason.
   * @throws {TransferError} `tampered`, `malformed`, `refused`, `unreachable`.
   */
  next(options?: CallOptions): Promise<Message | undefined>;
  /** All messages of the receiver until the mailbox is gone. Throws like {@link SentShare.next}. */
  messages(options?: CallOptions): AsyncGenerator<Message, void, undefined>;
  /**
   * Deletes the mailbox. Resolves also if the mailbox is gone.
   *
   * @throws {TransferError} `refused`, `unreachable`.
   */
  cancel(options?: CallOptions): Promise<void>;
}

/** Shares credentials through one relay. */
export interface Sender {
  /**
   * Creates a mailbox with the sealed Provisioning Information. Each share has its own Device Claim and Secret.
   *
   * @param information The credential. Only a device with the link can read it.
   * @param display The texts and the picture of the preview page. The relay can read them.
   * @throws {TransferError} `refused`, `unreachable`, `too_large`; `malformed` if the relay gave no usable link of the
   * mailbox. The client then deletes the mailbox. If that is not possible, the state keeps the create, and `resume`
   * repeats it.
   * @throws {TypeError} `information` is not Provisioning Information, or an option is invalid.
   */
  share(information: OutgoingInformation, display: DisplayInformation, options?: ShareOptions): Promise<SentShare>;
  /**
   * Resumes a share from its saved state, and sends its pending write.
   *
   * @throws {TransferError} `not_allowed` if the state has a URL of another relay; `conflict`, `gone`,
   * `receiver_changed`, `refused`, `unreachable` or `malformed` of the pending write.
   * @throws {TypeError} The value is not the state of a sender.
   */
  resume(state: TransferState, options?: ResumeOptions): Promise<SentShare>;
}

const SENDER: Checks<SenderOptions> = { relay: checkElsewhere, links: checkLinks, ...TRANSFER };

const SHARE: Checks<ShareOptions> = {
  ...CALL,
  vertical: isOneOf('a', 'h', 'c'),
  accessRights: checkRights,
  expiresInSeconds: checkExpires,
  algorithm: isOneOf('AEAD_AES_128_GCM', 'AEAD_AES_256_GCM'),
  notificationToken: checkToken,
};

/** Lifetime of a share with access rights. The protocol requires an expiration beside access rights. */
const DEFAULT_SECONDS = 172_800;

/** The client does not correct a smaller difference between the clocks. */
const MINIMUM_SKEW_MS = 2000;

/** The body of CreateMailbox. The expiration counts from `now`. */
type BuildCreateBody = (now: number) => string;

/**
 * Creates a sender.
 *
 * @throws {TypeError} An option is invalid, or the runtime lacks `fetch`, `AbortController` or WebCrypto (option `crypto`).
 * @see docs/client.md; SCT §3, TIGRESS §6
 * @example
 * const sender = createSender({ relay: 'https://relay.example' });
 * const share = await sender.share({ format: 'hotel.example/key', content: { room: '417' } }, display);
 * console.log(share.url);
 * await share.next(); // Until the receiver has finished.
 */
export function createSender(options: SenderOptions): Sender {
  assertOptions('sender', options, SENDER);
  const bases = parseBases(options.relay, options.links, 'sender.');
  const settings = resolveSettings(options, 'sender', bases);
  const url = `${bases[0]}/v1/m`;

  return {
    async share(information, display, shareOptions = {}) {
      assertSerializable(information);
      assertDisplay(display);
      checkOptions('share', shareOptions, SHARE);
      const { algorithm, vertical, signal, notificationToken } = shareOptions;
      const { crypto } = settings;
      const text = encodeInformation(information);
      const secret = generateSecret(algorithm, crypto);
      const payload = await seal(encodeText(text), secret, crypto);
      const seconds = resolveSeconds(shareOptions);
      const displayInformation = normalizeDisplay(display);
      const buildBody: BuildCreateBody = (now) =>
        JSON.stringify({
          payload,
          displayInformation,
          notificationToken,
          mailboxConfiguration: seconds === undefined ? undefined : buildConfiguration(shareOptions, now, seconds),
        });
      assertSize(buildBody(Date.now()), settings);
      const wrote = [await fingerprintPayload(payload, crypto)];
      const state = createState('sender', { secret, vertical, wrote, notificationToken }, crypto);
      const transfer = new Transfer(new StateStore(state, options.onState, false), settings);
      transfer.display = displayInformation;
      await createMailbox(transfer, url, buildBody, signal);
      return createSentShare(transfer);
    },
    async resume(state, resumeOptions = {}) {
      checkOptions('resume', resumeOptions, RESUME);
      const { signal, notificationToken } = resumeOptions;
      const known = checkState(state, 'sender', (link) => isBelow(link, bases), url);
      const transfer = new Transfer(new StateStore(known, options.onState, true), settings);
      if (notificationToken !== undefined) await transfer.setToken(notificationToken);
      await sendPending(transfer, signal);
      return createSentShare(transfer);
    },
  };
}

function resolveSeconds({ expiresInSeconds, accessRights }: ShareOptions): number | undefined {
  return expiresInSeconds ?? (accessRights === undefined ? undefined : DEFAULT_SECONDS);
}

function buildConfiguration({ accessRights }: ShareOptions, now: number, seconds: number): object {
  return { accessRights, expiration: formatExpiration(now + seconds * 1000) };
}

/** CreateMailbox. If this device's clock is wrong, the relay refuses the expiration: then the relay's clock counts. */
async function createMailbox(
  transfer: Transfer,
  url: string,
  buildBody: BuildCreateBody,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    await submitWrite(transfer, { operation: 'create', url, body: buildBody(Date.now()) }, signal);
  } catch (error) {
    if (!(error instanceof TransferError) || error.relayCode !== 'expiration_out_of_range') throw error;
    const { relayTime = Number.NaN } = error;
    if (!(Math.abs(relayTime - Date.now()) > MINIMUM_SKEW_MS)) throw error;
    await submitWrite(transfer, { operation: 'create', url, body: buildBody(relayTime) }, signal);
  }
}

function createSentShare(transfer: Transfer): SentShare {
  const reader = new MessageReader(transfer);
  return {
    get url() {
      const { mailboxUrl = '', vertical, secret } = transfer.state;
      return buildShareUrl(mailboxUrl, { vertical, secret });
    },
    get link() {
      const { mailboxUrl = '', vertical } = transfer.state;
      return buildShareUrl(mailboxUrl, { vertical });
    },
    get secret() {
      return toBase64Url(transfer.state.secret);
    },
    get state() {
      return transfer.state;
    },
    get display() {
      return transfer.display;
    },
    get isPushNotificationSupported() {
      return transfer.state.isPushNotificationSupported;
    },
    setNotificationToken: (token, callOptions) => setNotificationToken(transfer, token, callOptions),
    next: (callOptions) => reader.next(callOptions),
    check: (callOptions) => reader.check(callOptions),
    async *messages(callOptions) {
      let message = await reader.next(callOptions);
      while (message !== undefined) {
        yield message;
        message = await reader.next(callOptions);
      }
    },
    reply: (information, replyOptions) => sendReply(transfer, information, replyOptions),
    cancel: (callOptions) => leave(transfer, 'delete', callOptions),
  };
}
