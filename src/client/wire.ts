import type { DisplayInformation, NotificationToken, Payload } from '../protocol/bodies.js';
import { DEVICE_CLAIM, KNOWN_VERSION, REQUEST_ID } from '../protocol/header-names.js';
import { toMalformedError } from './errors.js';
import type { WireRequest, WireResponse } from './http-message.js';
import { parseHttpsUrl, parseJsonObject, parseText, parseWireTime } from './json-values.js';
import { splitShareUrl } from './link-parts.js';
import { isBelow } from './links.js';
import { parseReceiver, parseVersion } from './response-headers.js';
import type { PendingWrite, TransferState } from './state.js';

/** The body of a read response. */
export interface Content {
  readonly payload: Payload;
  readonly displayInformation: DisplayInformation;
  readonly expiration: string | undefined;
}

/** The result of ReadSecureContentFromMailbox. */
export interface ReadResult extends Content {
  readonly version: string | undefined;
  /** For the sender, if the relay reports it. */
  readonly receiver: 'none' | 'bound' | undefined;
}

const METHODS = { create: 'POST', update: 'PUT', relinquish: 'PATCH', delete: 'DELETE' } as const;

/** The request of a write; identical for each try. */
export function buildWriteRequest(write: PendingWrite, claim: string): WireRequest {
  return {
    method: METHODS[write.operation],
    url: write.url,
    headers: {
      [DEVICE_CLAIM]: claim,
      [REQUEST_ID]: write.requestId,
      ...(write.knownVersion !== undefined && { [KNOWN_VERSION]: write.knownVersion }),
    },
    body: write.body,
  };
}

/** The request of a read. The relay holds it up to `seconds` while `version` is current; 0 for an immediate answer. */
export function buildReadRequest(
  { mailboxUrl = '', claim }: TransferState,
  seconds: number,
  version: string | undefined,
  requestId: string,
  notificationToken?: NotificationToken,
): WireRequest {
  return {
    method: 'POST',
    url: mailboxUrl,
    headers: {
      [DEVICE_CLAIM]: claim,
      [REQUEST_ID]: requestId,
      ...(seconds > 0 && version !== undefined ? { Prefer: `wait=${seconds}`, [KNOWN_VERSION]: version } : undefined),
    },
    body: notificationToken === undefined ? undefined : JSON.stringify({ notificationToken }),
  };
}

/** Parses the 200 of a read. Throws `malformed` if it has no payload. */
export function parseRead(reply: WireResponse): ReadResult {
  const content = parseContent(reply);
  if (content === undefined) throw toMalformedError(reply);
  return { ...content, version: parseVersion(reply), receiver: parseReceiver(reply) };
}

/** The body of a read response; `undefined` if it has no payload. */
export function parseContent(reply: WireResponse): Content | undefined {
  const { payload, displayInformation, expiration } = parseJsonObject(reply.text);
  const { type, data } = (payload ?? {}) as { type?: unknown; data?: unknown };
  if (typeof type !== 'string' || typeof data !== 'string') return undefined;
  const { title, description, imageURL } = (displayInformation ?? {}) as Partial<Record<string, unknown>>;
  return {
    payload: { type, data },
    displayInformation: {
      title: parseText(title),
      description: parseText(description),
      imageURL: parseHttpsUrl(imageURL),
    },
    expiration: parseWireTime(expiration),
  };
}

/** `isPushNotificationSupported` of a response; `undefined` if the response has none. */
export function parsePushSupport({ text }: WireResponse): boolean | undefined {
  const { isPushNotificationSupported: isSupported } = parseJsonObject(text);
  return typeof isSupported === 'boolean' ? isSupported : undefined;
}

/**
 * The display information to send. Its texts are in Normalization Form C (TIGRESS §4.2). An image URL and a sealed
 * message stay as they are: another form would be another URL, or break a signature of the app.
 */
export function normalizeDisplay(display: DisplayInformation): DisplayInformation {
  const normalize = (text: string): string => (typeof text === 'string' ? text.normalize() : text);
  return { ...display, title: normalize(display?.title), description: normalize(display?.description) };
}

/** The mailbox of a CreateMailbox response, as far as the response names it. */
export interface CreatedLink {
  /** The URL of the mailbox without query and fragment; `undefined` unless the client may call it. */
  readonly mailboxUrl?: string | undefined;
  /** The last segment of the link, also of a link that the client may not call. */
  readonly identifier?: string | undefined;
}

/** Parses the `urlLink` of a CreateMailbox response. The client takes the link as it is; see {@link isBelow}. */
export function parseLink({ text }: WireResponse, bases: readonly string[]): CreatedLink {
  const { urlLink } = parseJsonObject(text);
  const link = typeof urlLink === 'string' ? urlLink : '';
  const { mailboxUrl } = splitShareUrl(link) ?? {};
  if (mailboxUrl !== undefined && isBelow(mailboxUrl, bases)) return { mailboxUrl };
  return { identifier: /\/m\/([\w~-][\w.~-]{0,127})(?:[?#]|$)/.exec(link)?.[1] };
}

/** The notification token in the body of a write. */
export function parseToken(body = ''): NotificationToken | undefined {
  return (parseJsonObject(body).notificationToken ?? undefined) as NotificationToken | undefined;
}

/** The expiration in the body of a CreateMailbox request. */
export function parseExpiration({ body }: PendingWrite): string | undefined {
  const { expiration } = (parseJsonObject(body ?? '').mailboxConfiguration ?? {}) as { readonly expiration?: string };
  return expiration;
}
