import type { DisplayInformation, NotificationToken, Payload } from '../protocol/bodies.js';
import { TransferError } from './errors.js';
import { isBelow } from './links.js';
import {
  boundedText,
  parseJsonObject,
  parseReceiver,
  parseVersion,
  parseWireTime,
  type WireRequest,
  type WireResponse,
} from './request.js';
import type { PendingWrite, TransferState } from './state.js';

/** The body of the answer to a read. */
export interface Content {
  readonly payload: Payload;
  readonly displayInformation: DisplayInformation;
  readonly expiration: string | undefined;
}

/** What a read brought (ReadSecureContentFromMailbox). */
export interface ReadResult extends Content {
  readonly version: string | undefined;
  /** Whether a receiver is bound, where the relay says so: to the sender. */
  readonly receiver: 'none' | 'bound' | undefined;
}

const METHODS = { create: 'POST', update: 'PUT', relinquish: 'PATCH', delete: 'DELETE' } as const;

/** The request of a write; the same each time that it is sent. */
export function writeRequest(write: PendingWrite, claim: string): WireRequest {
  return {
    method: METHODS[write.operation],
    url: write.url,
    headers: {
      'Mailbox-Device-Claim': claim,
      'Mailbox-Request-ID': write.requestId,
      ...(write.knownVersion === undefined ? {} : { 'Mailbox-Known-Version': write.knownVersion }),
    },
    body: write.body,
  };
}

/** The request of a read; with `seconds` one that the relay holds while `version` is current. */
export function readRequest(
  { mailboxUrl = '', claim }: TransferState,
  seconds: number,
  version: string | undefined,
  notificationToken?: NotificationToken,
): WireRequest {
  return {
    method: 'POST',
    url: mailboxUrl,
    headers: {
      'Mailbox-Device-Claim': claim,
      'Mailbox-Request-ID': crypto.randomUUID(),
      ...(seconds > 0 && version !== undefined
        ? { Prefer: `wait=${seconds}`, 'Mailbox-Known-Version': version }
        : undefined),
    },
    body: notificationToken === undefined ? undefined : JSON.stringify({ notificationToken }),
  };
}

/** Takes the 200 of a read apart. Throws `malformed` if there is no payload in it. */
export function parseRead(reply: WireResponse): ReadResult {
  const content = parseContent(reply);
  if (content === undefined) throw malformedError(reply);
  return { ...content, version: parseVersion(reply), receiver: parseReceiver(reply) };
}

/** The body of the answer to a read; `undefined` if there is no payload in it. */
export function parseContent(reply: WireResponse): Content | undefined {
  const { payload, displayInformation, expiration } = parseJsonObject(reply.text);
  const { type, data } = (payload ?? {}) as { type?: unknown; data?: unknown };
  if (typeof type !== 'string' || typeof data !== 'string') return undefined;
  const { title, description, imageURL } = (displayInformation ?? {}) as Partial<Record<string, unknown>>;
  return {
    payload: { type, data },
    displayInformation: {
      title: boundedText(title),
      description: boundedText(description),
      imageURL: parseHttpsUrl(imageURL),
    },
    expiration: parseWireTime(expiration),
  };
}

/** The URL of the new mailbox in the answer to a create; `undefined` unless it is below one of these URLs. */
export function parseLink({ text }: WireResponse, bases: readonly string[]): string | undefined {
  const { urlLink } = parseJsonObject(text);
  return typeof urlLink === 'string' && isBelow(urlLink, bases) ? urlLink : undefined;
}

/** The expiration that a create asks for. */
export function parseExpiration({ body }: PendingWrite): string | undefined {
  const { expiration } = (parseJsonObject(body ?? '').mailboxConfiguration ?? {}) as { readonly expiration?: string };
  return expiration;
}

/** An answer that is not what the protocol says. */
export function malformedError({ status }: WireResponse): TransferError {
  return new TransferError('malformed', 'The answer is not that of a relay.', { status });
}

/** A picture by any other way than https is none: nobody should load it. */
export const parseHttpsUrl = (value: unknown): string =>
  /^https:\/\/\S{1,4000}$/i.test(boundedText(value)) ? boundedText(value) : '';
