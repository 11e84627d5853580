import type { DisplayInformation, NotificationToken } from '../protocol/bodies.js';
import { isRetryable, toTransferError } from './errors.js';
import { mayOpen, parseBase } from './links.js';
import type { Message } from './message-reader.js';
import { type CallOptions, resolveSettings, type Settings, type TransferOptions } from './options.js';
import { parseDisplayInformation } from './preview.js';
import type { WireResponse } from './request.js';
import { decodeSecret } from './seal.js';
import { createShareParts, type Share } from './share.js';
import { parseShareUrl } from './share-url.js';
import { checkState, createStateStore, newState, notAllowed, type StateStore, type TransferState } from './state.js';
import type { Writes } from './writes.js';

/** What a receiver is made with. */
export interface ReceiverOptions extends TransferOptions {
  /**
   * Hosts of the relays that may be called, as in URLs: `relay.example`, or with a port that is not the usual one,
   * `relay.example:8443`. Only a host of this list may be one of this machine or one network. Default: any by https
   * whose name is a public one; links come from strangers, so an app that knows its relays names them.
   */
  readonly relays?: readonly string[] | undefined;
}

/** What opening a link can be told. */
export interface OpenOptions {
  /** Where the relay is to push to when the sender writes. It is left there by the read that binds. */
  readonly notificationToken?: NotificationToken | undefined;
}

/** One share, seen by the device that opens it. */
export interface ReceivedShare extends Share {
  /** What the sender wrote for people to see. Binds nobody. Throws {@link TransferError}. */
  preview(options?: CallOptions): Promise<DisplayInformation>;
  /**
   * The sender's next message. The first call is the read that binds this device, and brings the message that is in the
   * mailbox; later ones wait. A message counts as dealt with when the next one is asked for, an answer is given, or the
   * share is finished: if the app is killed before, it comes again. One call at a time. Throws {@link TransferError}:
   * `already_claimed` if another device was faster, `gone` once the mailbox is.
   */
  next(options?: CallOptions): Promise<Message>;
  /** All messages of the sender, until this device finishes. Throws as {@link ReceivedShare.next}. */
  messages(options?: CallOptions): AsyncGenerator<Message, void, undefined>;
  /** Deletes the mailbox: the credential is here. Resolves as well if it is gone already. Throws {@link TransferError}. */
  finish(options?: CallOptions): Promise<void>;
  /**
   * Gives the place back, so that another device can open the link. It finds the latest message in the mailbox, whoever
   * wrote that. This device is out for good. Throws {@link TransferError}.
   */
  relinquish(options?: CallOptions): Promise<void>;
}

/** Opens what others share. */
export interface Receiver {
  /**
   * Takes a share URL; nothing is sent yet. Throws a TypeError for what is no share URL with a Secret, and
   * {@link TransferError} `not_allowed` for one that leads elsewhere than to the relays that may be called.
   */
  open(url: string, options?: OpenOptions): ReceivedShare;
  /** Goes on with a share from its state; carries out what was under way. Throws {@link TransferError}. */
  resume(state: TransferState, options?: CallOptions & OpenOptions): Promise<ReceivedShare>;
}

/** Endings that are this device's own doing. */
const OWN: readonly (string | undefined)[] = ['finished', 'relinquished'];

/** Makes a receiver. Throws a TypeError for an option that is wrong. */
export function createReceiver(options: ReceiverOptions = {}): Receiver {
  const settings = resolveSettings(options, 'receiver');
  if (options.headers !== undefined && options.relays === undefined)
    throw new TypeError('receiver.headers: need receiver.relays');
  const hosts = options.relays?.map(parseHost);

  /** A link could lead anywhere, and whatever answers there learns of this device. */
  const mayCall = (mailboxUrl: string): boolean => mayOpen(mailboxUrl, hosts);

  return {
    open(url, { notificationToken } = {}) {
      const { mailboxUrl, secret, vertical } = parseShareUrl(url);
      if (!mayCall(mailboxUrl)) throw notAllowed();
      // Before anything is sent: a device that cannot read the messages must not be bound.
      assertSecret(secret);
      const journal = createStateStore(newState('receiver', { secret, vertical, mailboxUrl }), options.onState, false);
      return createReceivedShare(journal, settings, notificationToken).share;
    },
    async resume(state, { signal, notificationToken } = {}) {
      const journal = createStateStore(checkState(state, 'receiver', mayCall), options.onState, true);
      const { share, writes } = createReceivedShare(journal, settings, notificationToken);
      await writes.settle(signal);
      return share;
    },
  };
}

function createReceivedShare(
  journal: StateStore,
  settings: Settings,
  token: NotificationToken | undefined,
): { share: ReceivedShare; writes: Writes } {
  const { transfer, writes, reader: lookout } = createShareParts(journal, settings, token);
  const share: ReceivedShare = {
    get state() {
      return journal.state;
    },
    async preview({ signal } = {}) {
      // No claim: whoever looks is nobody.
      const headers = { 'Mailbox-Request-ID': crypto.randomUUID() };
      const request = { method: 'GET', url: journal.state.mailboxUrl ?? '', headers };
      const { reply } = await transfer.send(() => transfer.sendOnce(request, signal), signal, isNoPreview);
      if (reply.status === 404) throw await transfer.toError(reply);
      if (reply.status !== 200) throw toTransferError(reply);
      return parseDisplayInformation(reply.text);
    },
    async next(options) {
      const message = await lookout.next(options);
      if (message === undefined) throw transfer.gone();
      return message;
    },
    check: lookout.check,
    async *messages(options) {
      for (;;) {
        const message = await lookout.next(options);
        if (message !== undefined) yield message;
        else if (OWN.includes(journal.state.ended)) return;
        else throw transfer.gone();
      }
    },
    reply: writes.reply,
    finish: (options) => writes.leave('delete', options),
    relinquish: (options) => writes.leave('relinquish', options),
  };
  return { share, writes };
}

/** The page itself is HTML, so that where CORS hides who answers a page is taken for the relay's. */
const isNoPreview = (reply: WireResponse): boolean => reply.status !== 200 && isRetryable(reply);

function assertSecret(secret: string | undefined): asserts secret is string {
  try {
    decodeSecret(secret ?? '');
  } catch {
    throw new TypeError('shareUrl: must have a whole Secret of 16 or 32 bytes');
  }
}

/** The host of an entry, as URLs have it. */
function parseHost(entry: string): string {
  const [, host] = /^https:\/\/([^/]*)$/.exec(parseBase(`https://${entry}`) ?? '') ?? [];
  if (host === undefined) throw new TypeError('receiver.relays: must be of the form host or host:port');
  return host;
}
