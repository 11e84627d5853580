import { boundedText, parseDate, parseJsonObject, parseWireTime, retryAfterMs, type WireResponse } from './request.js';

/** How a share came to its end, as this device knows it. */
export type Ending =
  /** This sender deleted the mailbox, or it never came to be. */
  | 'cancelled'
  /** This receiver deleted the mailbox. */
  | 'finished'
  /** This receiver gave its place back. */
  | 'relinquished'
  /** The other device, or the operator, deleted the mailbox. Or it expired, and this device never knew when it would. */
  | 'deleted'
  /** The mailbox has come to its expiration; the other device may have deleted it before that. */
  | 'expired';

/**
 * Why a transfer does not go on.
 * - `already_claimed`: another device has opened the link.
 * - `gone`: the mailbox was deleted, or has expired; see `ended`.
 * - `refused`: the relay does not allow this; see `status` and `relayCode`.
 * - `unreachable`: the relay did not answer within `retryTimeoutMs`. A write that was under way stays in the state, and the
 *   next call carries it out first, so that it takes effect once.
 * - `tampered`: the message was changed on its way, or sealed under another Secret. It counts as taken: `next`
 *   waits for a newer one, and an answer takes its place.
 * - `malformed`: an answer is not what the protocol says, or a message is not Provisioning Information.
 * - `conflict`: the other device has written meanwhile; its message has to be taken first, or would be lost.
 * - `receiver_changed`: the receiver that this sender had last seen may be another by now. Only with `sameReceiver`.
 * - `too_large`: the sealed message is larger than the relay takes. Nothing was sent, unless `status` is 413.
 * - `not_allowed`: the link leads to a relay that is not on the list. Nothing was sent.
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
  | 'not_allowed';

/** What else is known of a {@link TransferError}. */
export interface TransferErrorDetails {
  /** HTTP status of the relay's answer. */
  readonly status?: number | undefined;
  /** The relay's own code (RFC 9457 `code`). */
  readonly relayCode?: string | undefined;
  /** What the relay says is wrong, for developers. Whoever answers wrote it: text to show with care. */
  readonly detail?: string | undefined;
  /** The latest expiration that the relay accepts, `YYYY-MM-DDThh:mm:ssZ`, where it was asked for a later one. */
  readonly maximum?: string | undefined;
  /** Milliseconds that the relay asks to wait, where that is longer than `retryTimeoutMs`. */
  readonly retryAfterMs?: number | undefined;
  /** Unix time in ms by the relay's clock, where its answer shows that. */
  readonly relayTime?: number | undefined;
  /** For `gone`. */
  readonly ended?: Ending | undefined;
}

/** A transfer does not go on. The message holds no secret. */
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

/** The relay refused, with a status and, if it is one of ours, a stable code (RFC 9457). */
export class RelayResponseError extends Error {
  override readonly name = 'RelayResponseError';
  constructor(
    readonly status: number,
    readonly code: string | undefined,
    title: string,
  ) {
    super(title);
  }
}

/** A refusal from whatever answered: a problem of the relay, or the page of a proxy before it. */
export function toRelayResponseError({ status, text }: WireResponse): RelayResponseError {
  const { code, title } = parseJsonObject(text);
  return new RelayResponseError(
    status,
    boundedText(code) || undefined,
    boundedText(title) || `The relay answered ${status}.`,
  );
}

/** What an answer other than a success means; a 404 is for the caller, who knows the share. */
export function toTransferError(reply: WireResponse): TransferError {
  const { status } = reply;
  const { code: relayCode, message } = toRelayResponseError(reply);
  const { detail, maximum } = parseJsonObject(reply.text);
  const details = {
    status,
    relayCode,
    detail: boundedText(detail) || undefined,
    maximum: parseWireTime(maximum),
    relayTime: parseDate(reply),
  };
  if (status === 413) return new TransferError('too_large', message, details);
  if (relayCode === 'mailbox_taken') return new TransferError('already_claimed', message, details);
  if (isRetryable(reply)) {
    return new TransferError('unreachable', message, { ...details, retryAfterMs: retryAfterMs(reply) || undefined });
  }
  return new TransferError('refused', message, details);
}

/**
 * Whether an answer says nothing about the request, so that the same one is sent again: the relay is busy or out of
 * order, or it is not the relay that answers at all.
 */
export function isRetryable({ status, isOfRelay }: WireResponse): boolean {
  if ([408, 425, 429].includes(status) || (status >= 500 && status !== 501 && status !== 505)) return true;
  return (status >= 300 && status < 400) || (!isOfRelay && (status === 404 || status < 300));
}
