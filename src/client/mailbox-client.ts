import type { DisplayInformation, NotificationToken, Payload } from '../protocol/bodies.js';
import { DEVICE_CLAIM, KNOWN_VERSION, REQUEST_ID } from '../protocol/header-names.js';
import { type Checks, checkOptions, inUnit, isObject } from './check.js';
import { generateUuid } from './crypto.js';
import { toRelayResponseError } from './errors.js';
import type { WireRequest, WireResponse } from './http-message.js';
import { type Network, sendOnce } from './http-request.js';
import { parseBases } from './links.js';
import { checkLinks, NETWORK } from './option-checks.js';
import { resolveNetwork } from './options.js';
import { parseReceiver, parseVersion } from './response-headers.js';
import { type RetriedResponse, type RetryPolicy, retry } from './retry.js';
import { parseShareUrl } from './share-url.js';
import { LONGEST_TIMER_MS } from './timing.js';
import { normalizeDisplay, parseContent, parseLink, parsePushSupport } from './wire.js';

/** Options of {@link createMailboxClient}. */
export interface MailboxClientOptions extends Network {
  /** The Device Claim: a UUID that you use for one mailbox only. Default: a random one. */
  readonly claim?: string | undefined;
  /** Maximum number of tries of one request. Default 4. */
  readonly attempts?: number | undefined;
  /** Maximum of the random pause before the first retry, in ms; doubles with each retry, up to 30 s. Default 200. */
  readonly retryDelayMs?: number | undefined;
  /** Base URLs that the relay's links may have, besides the URL of the relay. Default: none. */
  readonly links?: readonly string[] | undefined;
}

/** The body of CreateMailbox (docs/protocol.md §4). */
export interface NewMailboxContent {
  readonly payload: Payload;
  readonly displayInformation: DisplayInformation;
  readonly notificationToken?: NotificationToken;
  /** `accessRights` such as `RWD`, and `expiration` as `YYYY-MM-DDThh:mm:ssZ`. Default: the relay's defaults. */
  readonly mailboxConfiguration?: { readonly accessRights?: string; readonly expiration: string };
}

/** The response to CreateMailbox. */
export interface CreatedMailbox {
  /** URL of the mailbox. Add vertical and Secret with {@link buildShareUrl}. */
  readonly urlLink: string;
  readonly isPushNotificationSupported: boolean;
}

/** The response to UpdateMailbox. */
export interface UpdatedMailbox {
  readonly isPushNotificationSupported: boolean;
}

/** The response to ReadSecureContentFromMailbox. */
export interface SecureContent {
  readonly payload: Payload;
  readonly displayInformation: DisplayInformation;
  /** `YYYY-MM-DDThh:mm:ssZ` */
  readonly expiration: string;
  /** Whether the relay notifies this device, after a read with a notification token. Otherwise `undefined`. */
  readonly isPushNotificationSupported?: boolean | undefined;
}

/** A success response. */
export interface MailboxResponse<Body> {
  readonly status: number;
  /** True if the relay had already carried out this request after an earlier try (status 201). */
  readonly duplicate: boolean;
  /** Mailbox-Version, which changes with every change of the mailbox. */
  readonly version: string | undefined;
  /** Mailbox-Receiver, for the sender. */
  readonly receiver: 'none' | 'bound' | undefined;
  /** Number of tries. */
  readonly attempts: number;
  readonly body: Body;
}

/**
 * Single requests to one mailbox. Every call throws {@link RelayResponseError} for an error response and for a response
 * that does not follow the protocol, {@link RelayUnreachable} if no response arrived, {@link TransferError} with the
 * code `redirected` or `not_sent`, and a TypeError for a bad URL.
 */
export interface MailboxClient {
  /** The Device Claim. */
  readonly claim: string;
  /** CreateMailbox. `relay` is the URL of the relay's mount point. */
  create(relay: string, content: NewMailboxContent): Promise<MailboxResponse<CreatedMailbox>>;
  /** ReadDisplayInformationFromMailbox: the HTML of the preview page. Sends no claim, so it binds no device. */
  preview(shareUrl: string): Promise<MailboxResponse<string>>;
  /**
   * ReadSecureContentFromMailbox. The first device other than the sender that reads becomes the receiver. A bound
   * device may leave or replace its notification token on every read.
   */
  read(shareUrl: string, token?: NotificationToken): Promise<MailboxResponse<SecureContent>>;
  /** UpdateMailbox. With `knownVersion`, the relay answers 412 unless that is the current version. */
  update(
    shareUrl: string,
    content: { readonly payload: Payload; readonly notificationToken?: NotificationToken },
    knownVersion?: string,
  ): Promise<MailboxResponse<UpdatedMailbox>>;
  /** RelinquishMailbox. */
  relinquish(shareUrl: string): Promise<MailboxResponse<undefined>>;
  /** DeleteMailbox. Resolves after a 404 to a retry: the first try has deleted the mailbox. */
  delete(shareUrl: string): Promise<MailboxResponse<undefined>>;
}

const MAILBOX_CLIENT: Checks<MailboxClientOptions> = {
  ...NETWORK,
  claim: (claim) =>
    typeof claim === 'string' && /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(claim) ? undefined : 'must be a UUID',
  attempts: inUnit('tries', 1, 1000),
  retryDelayMs: inUnit('milliseconds', 0, LONGEST_TIMER_MS),
  links: checkLinks,
};

/** The longest `Retry-After` that the client obeys, in ms. After a longer one, the call throws the error response. */
const LONGEST_PAUSE_MS = 30_000;

/**
 * Creates a client that speaks single requests of the protocol. The client repeats a request under the same
 * Mailbox-Request-ID if no response arrived, and after 429 and 503, so that no write takes effect twice. It never sends
 * the fragment of a URL. It calls https URLs, and http URLs on loopback names.
 *
 * @see docs/protocol.md §4; SCT and TIGRESS §6
 * @example
 * const client = createMailboxClient();
 * const secret = generateSecret();
 * const payload = await seal(new TextEncoder().encode('{"format":"…","content":{}}'), secret);
 * const { body } = await client.create('https://relay.example', { payload, displayInformation });
 * console.log(buildShareUrl(body.urlLink, { secret }));
 */
export function createMailboxClient(options: MailboxClientOptions = {}): MailboxClient {
  checkOptions('mailboxClient', options, MAILBOX_CLIENT);
  const { crypto } = resolveNetwork(options, 'mailboxClient');
  const { claim = generateUuid(crypto), attempts = 4, retryDelayMs = 200 } = options;
  const policy: RetryPolicy = {
    attempts,
    retryDelayMs,
    longestPauseMs: LONGEST_PAUSE_MS,
    isRetryable: ({ status }) => status === 429 || status === 503,
  };

  /** `parseBody` parses a success, or throws. */
  async function call<Body>(
    method: string,
    url: string,
    parseBody?: (reply: WireResponse) => Body,
    json?: unknown,
    headers?: WireRequest['headers'],
  ): Promise<MailboxResponse<Body>> {
    const request = {
      method,
      url,
      headers: {
        ...(method !== 'GET' && { [DEVICE_CLAIM]: claim }),
        ...headers,
        [REQUEST_ID]: generateUuid(crypto),
      },
      body: json === undefined ? undefined : JSON.stringify(json),
    };
    return toMailboxResponse(method, await retry(() => sendOnce(request, options), policy), parseBody);
  }

  return {
    claim,
    async create(relay, content) {
      const bases = parseBases(relay, options.links);
      assertContent('create', content);
      const parseCreated = (reply: WireResponse): CreatedMailbox => {
        const { mailboxUrl: urlLink } = parseLink(reply, bases);
        if (urlLink === undefined) throw toRelayResponseError(reply);
        return { urlLink, ...parseUpdated(reply) };
      };
      const displayInformation = normalizeDisplay(content.displayInformation);
      return call('POST', `${bases[0]}/v1/m`, parseCreated, { ...content, displayInformation });
    },
    preview: async (shareUrl) => call('GET', parseMailboxUrl(shareUrl), ({ text }) => text),
    read: async (shareUrl, notificationToken) =>
      call('POST', parseMailboxUrl(shareUrl), parseSecureContent, notificationToken && { notificationToken }),
    update: async (shareUrl, content, knownVersion) => {
      assertContent('update', content);
      const headers = knownVersion === undefined ? {} : { [KNOWN_VERSION]: knownVersion };
      return call('PUT', parseMailboxUrl(shareUrl), parseUpdated, content, headers);
    },
    relinquish: async (shareUrl) => call('PATCH', parseMailboxUrl(shareUrl)),
    delete: async (shareUrl) => call('DELETE', parseMailboxUrl(shareUrl)),
  };
}

function toMailboxResponse<Body>(
  method: string,
  { reply, attempts }: RetriedResponse,
  parseBody: ((reply: WireResponse) => Body) | undefined,
): MailboxResponse<Body> {
  const { status, isFromRelay } = reply;
  const isOk = status >= 200 && status < 300 && (isFromRelay || method === 'GET');
  // A 404 to a repeated delete: an earlier try has deleted the mailbox.
  if (!isOk && !(method === 'DELETE' && status === 404 && isFromRelay && attempts > 1))
    throw toRelayResponseError(reply);
  return {
    status,
    duplicate: status === 201,
    version: parseVersion(reply),
    receiver: parseReceiver(reply),
    attempts,
    body: isOk ? parseBody?.(reply) : undefined,
  } as MailboxResponse<Body>;
}

/** The relay checks the rest. */
function assertContent(call: string, content: unknown): void {
  if (!isObject(content) || !isObject(content.payload))
    throw new TypeError(`${call}: the content must be an object with the payload that seal returns`);
}

function parseMailboxUrl(shareUrl: string): string {
  return parseShareUrl(shareUrl).mailboxUrl;
}

function parseSecureContent(reply: WireResponse): SecureContent {
  const { expiration, ...content } = parseContent(reply) ?? {};
  if (expiration === undefined) throw toRelayResponseError(reply);
  const isPushNotificationSupported = parsePushSupport(reply);
  const push = isPushNotificationSupported === undefined ? undefined : { isPushNotificationSupported };
  return { ...(content as SecureContent), expiration, ...push };
}

function parseUpdated(reply: WireResponse): UpdatedMailbox {
  return { isPushNotificationSupported: parsePushSupport(reply) === true };
}
