import { describeEarlierName } from '../protocol/earlier-header-names.js';
import { findNearestName } from '../protocol/nearest-name.js';

/**
 * The stable `code` of a {@link RelayError} and of the problem on the wire (docs/protocol.md §6).
 *
 * @see RFC 9457 §3.2
 */
export type RelayErrorCode =
  | 'request_id_missing'
  | 'request_id_invalid'
  | 'header_repeated'
  | 'claim_missing'
  | 'body_invalid'
  | 'body_already_read'
  | 'expiration_out_of_range'
  | 'claim_invalid'
  | 'mailbox_taken'
  | 'not_bound'
  | 'claim_released'
  | 'right_missing'
  | 'attestation_required'
  | 'attestation_invalid'
  | 'token_required'
  | 'token_invalid'
  | 'forbidden'
  | 'tls_required'
  | 'mailbox_not_found'
  | 'not_found'
  | 'unsupported_version'
  | 'method_not_allowed'
  | 'body_timeout'
  | 'version_changed'
  | 'body_too_large'
  | 'media_type'
  | 'rate_limited'
  | 'quota_exceeded'
  | 'internal_error'
  | 'store_unavailable'
  | 'store_full'
  | 'contention'
  | 'authentication_unavailable';

/**
 * The table of all errors of the relay: a stable `code`, its HTTP status, and the `title` of the problem (RFC 9457,
 * docs/protocol.md §6). A new row is a compatible change. A new meaning of a row is not.
 */
const TABLE = {
  request_id_missing: [400, 'A Mailbox-Request-ID header is required.'],
  request_id_invalid: [400, 'Mailbox-Request-ID must be sent once, as 1 to 128 visible ASCII characters.'],
  header_repeated: [400, 'A header that may be sent only once was repeated.'],
  claim_missing: [400, 'A Mailbox-Device-Claim header is required.'],
  body_invalid: [400, 'The request body is invalid.'],
  body_already_read: [400, 'The request body was already consumed. Mount the relay before body parsers.'],
  expiration_out_of_range: [400, 'The expiration is out of range.'],
  claim_invalid: [401, 'Mailbox-Device-Claim must be sent once, as a UUID other than the nil UUID.'],
  mailbox_taken: [401, 'Another device is already bound to the mailbox.'],
  not_bound: [401, 'This device is not bound to the mailbox.'],
  claim_released: [401, 'This device has relinquished the mailbox.'],
  right_missing: [401, 'The access rights of the mailbox do not allow this operation.'],
  attestation_required: [401, 'A device attestation is required.'],
  attestation_invalid: [401, 'The device attestation is invalid.'],
  token_required: [401, 'An access token is required.'],
  token_invalid: [401, 'The access token is invalid.'],
  forbidden: [403, 'Forbidden.'],
  tls_required: [403, 'TLS is required.'],
  mailbox_not_found: [404, 'Mailbox not found.'],
  not_found: [404, 'Not found.'],
  unsupported_version: [404, 'This version of the protocol is not supported. The relay supports v1.'],
  method_not_allowed: [405, 'Method not allowed.'],
  body_timeout: [408, 'The request body did not arrive in time.'],
  version_changed: [412, 'The mailbox has changed since the version in Mailbox-Known-Version.'],
  body_too_large: [413, 'The request body is too large.'],
  media_type: [415, 'The request body must be application/json without a Content-Encoding.'],
  rate_limited: [429, 'Too many requests.'],
  quota_exceeded: [429, 'Quota exceeded.'],
  internal_error: [500, 'Internal error.'],
  store_unavailable: [503, 'The mailbox store is unavailable. It is safe to retry with the same Mailbox-Request-ID.'],
  store_full: [503, 'The mailbox store is full. Existing mailboxes are kept.'],
  contention: [503, 'Too many concurrent changes. It is safe to retry with the same Mailbox-Request-ID.'],
  authentication_unavailable: [503, 'The authentication service is unavailable.'],
} as const satisfies Record<RelayErrorCode, readonly [status: number, title: string]>;

/** Optional parts of a {@link RelayError}. */
export interface RelayErrorDetails {
  /** Members added to the problem body, such as `field` or `maximum`. They are sent to the client: never a secret. */
  readonly members?: Readonly<Record<string, string | number>>;
  /** Response headers, such as `Allow`. */
  readonly headers?: ReadonlyArray<readonly [name: string, value: string]>;
  /** The `detail` member of the problem body: how to correct the request. It is sent to the client: never a secret. */
  readonly detail?: string;
  /**
   * Why a hook refused or failed, for the operator: a sentence in the events `hook.refused` and `hook.failed`. It is
   * never sent to the client. Never a claim, token or other value of the request.
   */
  readonly reason?: string;
  /** The original error. Events report its code or class name. It is never sent to the client. */
  readonly cause?: unknown;
}

/** A RelayError has wrong arguments. Its message is a sentence of the relay, for the event `hook.failed`. */
export class RelayErrorMisuse extends TypeError {
  /** For `cause` of the event. */
  readonly code = 'TypeError';
}

/** In JavaScript no compiler checks the arguments, and a hook's TypeError would tell nothing but its class. */
function assertArguments(code: unknown, details: unknown): void {
  if (typeof code !== 'string' || !Object.hasOwn(TABLE, code)) {
    const codes = Object.keys(TABLE);
    const nearest = typeof code === 'string' ? findNearestName(code, codes) : undefined;
    const hint = nearest === undefined ? `the codes are ${codes.join(', ')}` : `did you mean ${nearest}?`;
    throw new RelayErrorMisuse(`RelayError: there is no such code; ${hint}`);
  }
  if (typeof details !== 'object' || details === null) {
    throw new RelayErrorMisuse("RelayError: the second argument must be an object, such as { detail: '…' }");
  }
}

const BRAND = Symbol.for('credential-relay.RelayError');

/**
 * An error with a defined answer: the relay sends an RFC 9457 problem with the status of the code. Hooks throw it to
 * refuse a request.
 *
 * @example
 * throw new RelayError('rate_limited', { headers: [['Retry-After', '60']] });
 */
export class RelayError extends Error {
  override readonly name = 'RelayError';
  readonly [BRAND] = true;
  /** HTTP status of the answer. */
  readonly status: number;

  constructor(
    readonly code: RelayErrorCode,
    readonly details: RelayErrorDetails = {},
  ) {
    assertArguments(code, details);
    super(TABLE[code][1], details.cause === undefined ? undefined : { cause: details.cause });
    this.status = TABLE[code][0];
  }
}

/**
 * Recognizes a {@link RelayError}. Unlike `instanceof`, it works when two copies of this package are loaded.
 *
 * @returns true for a RelayError of any copy
 */
export function isRelayError(error: unknown): error is RelayError {
  return typeof error === 'object' && error !== null && BRAND in error;
}

/** An invalid body. `field` is the dotted path of the invalid member, and empty for the body as a whole. */
export function bodyInvalid(field: string, detail: string): RelayError {
  return new RelayError('body_invalid', { members: { field }, detail });
}

/** A required header is absent. The detail names an earlier name of the header, if the request has it. */
export function headerMissing(
  code: 'request_id_missing' | 'claim_missing' | 'attestation_required',
  name: Parameters<typeof describeEarlierName>[0],
  isPresent: (name: string) => boolean,
): RelayError {
  const detail = describeEarlierName(name, isPresent);
  return new RelayError(code, detail === undefined ? {} : { detail });
}

/** The store did not answer, or its answer is unusable: 503, never 404 or 500 (docs/protocol.md §6). */
export function storeUnavailable(cause: unknown): RelayError {
  return new RelayError('store_unavailable', { cause });
}

/** `Retry-After` of a write to a full store. The sweeper erases expired entries twice a minute. */
const FULL_STORE_RETRY_SECONDS = '30';

/** The store has no room for a write: 503. Reads succeed, and so do writes that need no more room. */
export function storeFull(cause: unknown): RelayError {
  return new RelayError('store_full', { cause, headers: [['Retry-After', FULL_STORE_RETRY_SECONDS]] });
}
