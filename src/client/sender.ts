import type { DisplayInformation, NotificationToken } from '../protocol/bodies.js';
import { TransferError } from './errors.js';
import { encodeInformation, fingerprintPayload, type OutgoingInformation } from './information.js';
import { isBelow, parseBases } from './links.js';
import type { Message } from './message-reader.js';
import { type CallOptions, resolveSettings, type Settings, type TransferOptions } from './options.js';
import { type AeadName, generateSecret, seal } from './seal.js';
import { createShareParts, type Share } from './share.js';
import { buildShareUrl, type Vertical } from './share-url.js';
import { checkState, createStateStore, newState, type StateStore, type TransferState } from './state.js';
import { assertSize, type Writes } from './writes.js';

/** What a sender is made with. */
export interface SenderOptions extends TransferOptions {
  /** URL of the relay's mount point: https, or http on a loopback name. */
  readonly relay: string;
  /**
   * Other URLs below which the relay's links are, each an origin, or origin and mount path, like `relay`. Only for a relay
   * whose `publicUrl` is not the URL that this device calls. Default: none, a link must be below `relay` itself.
   */
  readonly links?: readonly string[] | undefined;
}

/** How one share is to be. */
export interface ShareOptions extends CallOptions {
  /** Default: none in the URL, which means general access. */
  readonly vertical?: Vertical | undefined;
  /** What the devices may do (SCT and TIGRESS §6.1): `RD` to hand over once, the default; `RWD` for answers. */
  readonly accessRights?: string | undefined;
  /** Seconds that the share may take; counted by the relay's clock if this device's is so wrong that it is refused. */
  readonly expiresInSeconds?: number | undefined;
  /** Default `AEAD_AES_256_GCM`. */
  readonly algorithm?: AeadName | undefined;
  /** Where the relay is to push to when the receiver writes. */
  readonly notificationToken?: NotificationToken | undefined;
}

/** One share, seen by the device that made it. */
export interface SentShare extends Share {
  /** The link to give to the receiver. Whoever has it can open the share. */
  readonly url: string;
  /**
   * The receiver's next message; `undefined` once the mailbox is gone (`state.ended` tells how). A message counts as dealt
   * with when the next one is asked for, or an answer is given: if the app is killed before, it comes again. One call at
   * a time. Throws {@link TransferError}.
   */
  next(options?: CallOptions): Promise<Message | undefined>;
  /** All messages of the receiver, until the mailbox is gone. */
  messages(options?: CallOptions): AsyncGenerator<Message, void, undefined>;
  /** Deletes the mailbox. Resolves as well if it is gone already. Throws {@link TransferError}. */
  cancel(options?: CallOptions): Promise<void>;
}

/** Shares credentials by one relay. */
export interface Sender {
  /**
   * Makes a share: a mailbox with the sealed Provisioning Information, under a Device Claim and a Secret that are used
   * for nothing else. `display` is what people see of it before; the relay sees it too. Throws {@link TransferError}.
   */
  share(information: OutgoingInformation, display: DisplayInformation, options?: ShareOptions): Promise<SentShare>;
  /** Goes on with a share from its state; carries out what was under way. Throws {@link TransferError}. */
  resume(state: TransferState, options?: CallOptions): Promise<SentShare>;
}

/** Seconds that a share may take where the app names rights and no time. */
const DEFAULT_SECONDS = 172_800;

/** More than any relay keeps a mailbox. */
const MOST_SECONDS = 1_000_000_000;

/** A clock that is less wrong than this is not worth a second try, in ms. */
const SMALL_SKEW_MS = 2000;

/** Makes a sender. Throws a TypeError for an option that is wrong. */
export function createSender(options: SenderOptions): Sender {
  const bases = parseBases(options.relay, options.links, 'sender.');
  const settings = resolveSettings(options, 'sender', bases);
  const url = `${bases[0]}/v1/m`;

  return {
    async share(information, display, shareOptions = {}) {
      const { algorithm, vertical, accessRights, expiresInSeconds, notificationToken, signal } = shareOptions;
      const text = encodeInformation(information);
      const secret = generateSecret(algorithm);
      const payload = await seal(new TextEncoder().encode(text), secret);
      if (!(expiresInSeconds === undefined || (expiresInSeconds > 0 && expiresInSeconds < MOST_SECONDS)))
        throw new TypeError('share.expiresInSeconds: must be above 0 and below 1e9');
      const seconds = expiresInSeconds ?? (accessRights === undefined ? undefined : DEFAULT_SECONDS);
      const bodyAt = (now: number): string =>
        JSON.stringify({
          payload,
          displayInformation: display,
          notificationToken,
          mailboxConfiguration:
            seconds === undefined ? undefined : { accessRights, expiration: wireTime(now, seconds) },
        });
      assertSize(bodyAt(Date.now()), settings);
      const journal = createStateStore(
        newState('sender', { secret, vertical, wrote: [await fingerprintPayload(payload)] }),
        options.onState,
        false,
      );
      const { share, writes } = createSentShare(journal, settings);
      await createMailbox(writes, { url, bodyAt }, signal);
      return share;
    },
    async resume(state, { signal } = {}) {
      checkState(state, 'sender', (link) => isBelow(link, bases), url);
      const { share, writes } = createSentShare(createStateStore(state, options.onState, true), settings);
      await writes.settle(signal);
      return share;
    },
  };
}

/** CreateMailbox. A device whose clock is wrong asks for a time that the relay refuses: then the relay's clock counts. */
async function createMailbox(
  writes: Writes,
  { url, bodyAt }: { readonly url: string; readonly bodyAt: (now: number) => string },
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    await writes.carryOut({ operation: 'create', url, body: bodyAt(Date.now()) }, signal);
  } catch (error) {
    if (!(error instanceof TransferError) || error.relayCode !== 'expiration_out_of_range') throw error;
    const { relayTime = Number.NaN } = error;
    if (!(Math.abs(relayTime - Date.now()) > SMALL_SKEW_MS)) throw error;
    await writes.carryOut({ operation: 'create', url, body: bodyAt(relayTime) }, signal);
  }
}

function createSentShare(journal: StateStore, settings: Settings): { share: SentShare; writes: Writes } {
  const { writes, reader: lookout } = createShareParts(journal, settings);
  const { next, check } = lookout;
  const share: SentShare = {
    get url() {
      const { mailboxUrl = '', vertical, secret } = journal.state;
      return buildShareUrl(mailboxUrl, { vertical, secret });
    },
    get state() {
      return journal.state;
    },
    next,
    check,
    async *messages(callOptions) {
      for (let message = await next(callOptions); message !== undefined; message = await next(callOptions))
        yield message;
    },
    reply: writes.reply,
    cancel: (callOptions) => writes.leave('delete', callOptions),
  };
  return { share, writes };
}

function wireTime(now: number, seconds: number): string {
  return `${new Date(now + seconds * 1000).toISOString().slice(0, 19)}Z`;
}
