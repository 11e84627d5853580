import type { WireResponse } from './http-message.js';
import { parseJsonObject, parseText, parseWireTime } from './json-values.js';
import { parseDate, parseRetryAfter } from './response-headers.js';

/** How a share ended, as far as this device knows. */
export type Ending =
  /** This sender deleted the mailbox, or the relay never created it. */
  | 'cancelled'
  /** This receiver deleted the mailbox. */
  | 'finished'
  /** This receiver relinquished the mailbox. */
  | 'relinquished'
  /**
   * The other device or the operator deleted the mailbox. Also used if the mailbox expired and this device did not know
   * its expiration.
   */
  | 'deleted'
  /** The mailbox had expired when this device noticed its end. The other device may have deleted it before. */
  | 'expired';

/**
 * The reason why a call failed.
 * - `already_claimed`: another device has opened the link.
 * - `gone`: the mailbox was deleted or has expired; see `ended`.
 * - `refused`: the relay does not allow the request; see `status` and `relayCode`.
 * - `unreachable`: the relay did not answer within `retryTimeoutMs`. A write stays in the state as pending, and the
 *   next call sends it first, so that the write takes effect once.
 * - `tampered`: the message was changed, or sealed under another Secret. The client then treats the message as
 *   received: `next` waits for a newer message, and a reply replaces this one.
 * - `malformed`: a response does not follow the protocol, or a message is not Provisioning Information.
 * - `conflict`: the mailbox holds a message that this device has not received. Receive it with `next`, then reply.
 * - `receiver_changed`: with `sameReceiver`, another receiver may be bound since this sender last read the mailbox.
 * - `too_large`: the sealed message exceeds `maximumBodyBytes`, and nothing was sent; or the relay answered 413.
 * - `not_allowed`: the link leads to a relay that this client may not call. Nothing was sent.
 * - `redirected`: the server redirects the relay's URL. The client follows no redirects, because they would send the
 *   Device Claim elsewhere. A write stays in the state as pending, as after `unreachable`; a new share ends.
 * - `not_sent`: `fetch` refused the request, so nothing was sent: a header or an option that the runtime refuses, a
 *   blocked port, a Content Security Policy, or a fault in your own `fetch`. See `cause`. A write stays in the state as
 *   pending, as after `unreachable`; a new share ends.
 */
export type TransferErrorCode =
  | 'already_claimed'
  | 'gone'
  | 'refused'
  | 'unreachable'
  | 'tampered'
  | 'malformed'
  | 'conflict'
  | 'receiver_changed'
  | 'too_large'
  | 'not_allowed'
  | 'redirected'
  | 'not_sent';

/** The details of a {@link TransferError}. */
export interface TransferErrorDetails {
  /** HTTP status of the response. */
  readonly status?: number | undefined;
  /** The relay's error code (`code` of the problem, RFC 9457 §3.2; docs/protocol.md §6). */
  readonly relayCode?: string | undefined;
  /** The relay's explanation for developers. The server controls this text: escape it before you show it. */
  readonly detail?: string | undefined;
  /** The latest expiration that the relay accepts, `YYYY-MM-DDThh:mm:ssZ`, after a request for a later one. */
  readonly maximum?: string | undefined;
  /** The pause that the relay requests, in ms, if it is longer than `retryTimeoutMs`. */
  readonly retryAfterMs?: number | undefined;
  /** The relay's time, as Unix time in ms, if the response shows it. */
  readonly relayTime?: number | undefined;
  /** For the code `gone`: how the share ended. */
  readonly ended?: Ending | undefined;
}

/** A failed call of a share, a sender or a receiver. The error contains no claim, no Secret and no message. */
export class TransferError extends Error implements TransferErrorDetails {
  override readonly name = 'TransferError';
  declare readonly status: number | undefined;
  declare readonly relayCode: string | undefined;
  declare readonly detail: string | undefined;
  declare readonly maximum: string | undefined;
  declare readonly retryAfterMs: number | undefined;
  declare readonly relayTime: number | undefined;
  declare readonly ended: Ending | undefined;
  constructor(
    readonly code: TransferErrorCode,
    message: string,
    details: TransferErrorDetails & { readonly cause?: unknown } = {},
  ) {
    super(message, details);
    Object.assign(this, details);
  }
}

/** An error response to a {@link MailboxClient}. */
export class RelayResponseError extends Error {
  override readonly name = 'RelayResponseError';
  /**
   * @param status HTTP status of the response.
   * @param code The relay's error code (RFC 9457); `undefined` if the response has none.
   * @param title The title of the problem, which becomes the message.
   */
  constructor(
    readonly status: number,
    readonly code: string | undefined,
    title: string,
  ) {
    super(title);
  }
}

/** An error response of the relay, or of a proxy in front of it. */
export function toRelayResponseError({ status, text }: WireResponse): RelayResponseError {
  const { code, title } = parseJsonObject(text);
  return new RelayResponseError(
    status,
    parseText(code) || undefined,
    parseText(title) || `The relay answered ${status}.`,
  );
}

/** The meaning of an error response. The caller handles 404, because its meaning depends on the share. */
export function toTransferError(reply: WireResponse): TransferError {
  const { status } = reply;
  const { code: relayCode, message } = toRelayResponseError(reply);
  const { detail, maximum } = parseJsonObject(reply.text);
  const details = {
    status,
    relayCode,
    detail: parseText(detail) || undefined,
    maximum: parseWireTime(maximum),
    relayTime: parseDate(reply),
  };
  if (status === 413) return new TransferError('too_large', message, details);
  if (relayCode === 'mailbox_taken') return new TransferError('already_claimed', message, details);
  if (isRetryable(reply)) {
    return new TransferError('unreachable', message, { ...details, retryAfterMs: parseRetryAfter(reply) || undefined });
  }
  return new TransferError('refused', message, details);
}

/** A response that does not follow the protocol. */
export function toMalformedError({ status }: WireResponse): TransferError {
  return new TransferError('malformed', 'The response does not follow the protocol.', { status });
}

/**
 * True for a response that says nothing about the request: the relay is busy or failing, or a proxy answered. The
 * client then sends the same request again.
 */
export function isRetryable({ status, isFromRelay }: WireResponse): boolean {
  if ([408, 425, 429].includes(status) || (status >= 500 && status !== 501 && status !== 505)) return true;
  return (status >= 300 && status < 400) || (!isFromRelay && (status === 404 || status < 300));
}
