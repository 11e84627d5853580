import type { DisplayInformation, NotificationToken, Payload } from '../protocol/bodies.js';
import { toRelayResponseError } from './errors.js';
import { parseBases } from './links.js';
import {
  type Network,
  parseJsonObject,
  parseReceiver,
  parseVersion,
  type RetryPolicy,
  retry,
  sendOnce,
  type WireResponse,
} from './request.js';
import { parseShareUrl } from './share-url.js';
import { parseContent, parseLink } from './wire.js';

/** How a client reaches relays. */
export interface MailboxClientOptions extends Network {
  /** This device's claim for one mailbox: a UUID that is used for no other. Default: a fresh one. */
  readonly claim?: string | undefined;
  /** Tries of one request in all. Default 4. */
  readonly attempts?: number | undefined;
  /** Milliseconds before the first retry; doubled with each one, and taken at random below that. Default 200. */
  readonly retryDelayMs?: number | undefined;
  /** Other URLs below which a relay's links are, besides the one that is called. Default: none. */
  readonly links?: readonly string[] | undefined;
}

/** What a mailbox begins with. */
export interface NewMailboxContent {
  readonly payload: Payload;
  readonly displayInformation: DisplayInformation;
  readonly notificationToken?: NotificationToken;
  readonly mailboxConfiguration?: { readonly accessRights?: string; readonly expiration: string };
}

/** The answer to a create. */
export interface CreatedMailbox {
  /** URL of the mailbox; the client adds vertical and Secret ({@link buildShareUrl}). */
  readonly urlLink: string;
  readonly isPushNotificationSupported: boolean;
}

/** The answer to an update. */
export interface UpdatedMailbox {
  readonly isPushNotificationSupported: boolean;
}

/** The answer to a read. */
export interface SecureContent {
  readonly payload: Payload;
  readonly displayInformation: DisplayInformation;
  /** `YYYY-MM-DDThh:mm:ssZ` */
  readonly expiration: string;
}

/** Any answer of the relay that is not a refusal. */
export interface MailboxResponse<Body> {
  readonly status: number;
  /** True if the relay had carried this request out before, and only says so again (201). */
  readonly duplicate: boolean;
  /** Mailbox-Version: changes with every change of the mailbox. */
  readonly version: string | undefined;
  /** Mailbox-Receiver, for the sender. */
  readonly receiver: 'none' | 'bound' | undefined;
  /** Tries that it took. */
  readonly attempts: number;
  readonly body: Body;
}

/** One device's side of one mailbox. */
export interface MailboxClient {
  readonly claim: string;
  /** CreateMailbox on the relay whose mount point is `relay`. */
  create(relay: string, content: NewMailboxContent): Promise<MailboxResponse<CreatedMailbox>>;
  /** ReadDisplayInformationFromMailbox: the preview page. Sends no claim and binds nobody. */
  preview(shareUrl: string): Promise<MailboxResponse<string>>;
  /** ReadSecureContentFromMailbox. The first other device that does so becomes the receiver. */
  read(shareUrl: string, token?: NotificationToken): Promise<MailboxResponse<SecureContent>>;
  /** UpdateMailbox; with `knownVersion` only if that is still the current version. */
  update(
    shareUrl: string,
    content: { readonly payload: Payload; readonly notificationToken?: NotificationToken },
    knownVersion?: string,
  ): Promise<MailboxResponse<UpdatedMailbox>>;
  /** RelinquishMailbox. */
  relinquish(shareUrl: string): Promise<MailboxResponse<undefined>>;
  /** DeleteMailbox. A 404 to a retry counts as done: the first try had its effect. */
  delete(shareUrl: string): Promise<MailboxResponse<undefined>>;
}

/** Longest Retry-After that is waited for, in ms; for a longer one the refusal stands. */
const LONGEST_PAUSE_MS = 30_000;

/**
 * Makes a client for one mailbox. It retries what failed in passing (no answer, 429, 503) with the same Request-ID, so
 * that nothing takes effect twice, and never sends a fragment. It calls https URLs, and http on loopback names, only. Every call throws {@link RelayResponseError} for a refusal, or
 * for an answer that is not a relay's, {@link RelayUnreachable} when no answer came, and a TypeError for a bad URL.
 */
export function createMailboxClient(options: MailboxClientOptions = {}): MailboxClient {
  const { claim = crypto.randomUUID(), attempts = 4, retryDelayMs = 200 } = options;
  const persistence: RetryPolicy = {
    attempts,
    retryDelayMs,
    longestPauseMs: LONGEST_PAUSE_MS,
    isPassing: ({ status }) => status === 429 || status === 503,
  };

  /** Sends one request, whose body is `json`. `bodyOf` takes a success apart, or throws for what is none. */
  async function call<Body>(
    method: string,
    url: string,
    bodyOf?: (reply: WireResponse) => Body,
    json?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<MailboxResponse<Body>> {
    const isPreview = method === 'GET';
    const request = {
      method,
      url,
      headers: {
        ...(isPreview ? {} : { 'Mailbox-Device-Claim': claim }),
        ...headers,
        'Mailbox-Request-ID': crypto.randomUUID(),
      },
      body: json === undefined ? undefined : JSON.stringify(json),
    };
    const { reply, attempts: tries } = await retry(() => sendOnce(request, options), persistence);
    const { status } = reply;
    const isOk = status >= 200 && status < 300 && (reply.isOfRelay || isPreview);
    // A 404 to a repeated delete means that an earlier try was carried out.
    if (!isOk && !(method === 'DELETE' && status === 404 && reply.isOfRelay && tries > 1))
      throw toRelayResponseError(reply);
    return {
      status,
      duplicate: status === 201,
      version: parseVersion(reply),
      receiver: parseReceiver(reply),
      attempts: tries,
      body: isOk ? bodyOf?.(reply) : undefined,
    } as MailboxResponse<Body>;
  }

  const urlOf = (shareUrl: string): string => parseShareUrl(shareUrl).mailboxUrl;
  return {
    claim,
    async create(relay, content) {
      const bases = parseBases(relay, options.links);
      const createdIn = (reply: WireResponse): CreatedMailbox => {
        const urlLink = parseLink(reply, bases);
        if (urlLink === undefined) throw toRelayResponseError(reply);
        return { urlLink, ...parseUpdated(reply) };
      };
      return call('POST', `${bases[0]}/v1/m`, createdIn, content);
    },
    preview: async (shareUrl) => call('GET', urlOf(shareUrl), ({ text }) => text),
    read: async (shareUrl, notificationToken) =>
      call('POST', urlOf(shareUrl), parseSecureContent, notificationToken && { notificationToken }),
    update: async (shareUrl, content, knownVersion) =>
      call(
        'PUT',
        urlOf(shareUrl),
        parseUpdated,
        content,
        knownVersion === undefined ? {} : { 'Mailbox-Known-Version': knownVersion },
      ),
    relinquish: async (shareUrl) => call('PATCH', urlOf(shareUrl)),
    delete: async (shareUrl) => call('DELETE', urlOf(shareUrl)),
  };
}

function parseSecureContent(reply: WireResponse): SecureContent {
  const { expiration, ...content } = parseContent(reply) ?? {};
  if (expiration === undefined) throw toRelayResponseError(reply);
  return { ...(content as SecureContent), expiration };
}

function parseUpdated({ text }: WireResponse): UpdatedMailbox {
  return { isPushNotificationSupported: parseJsonObject(text).isPushNotificationSupported === true };
}
