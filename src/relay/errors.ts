/**
 * The one table of everything the relay refuses: a stable `code`, its HTTP status, and the sentence sent with it
 * (PROTOCOL: errors; RFC 9457). Adding a row is compatible; changing the meaning of one is not.
 */
const TABLE = {
  request_id_missing: [400, 'This operation needs a Mailbox-Request-ID header.'],
  request_id_invalid: [400, 'Mailbox-Request-ID must be sent once, as 1 to 128 visible ASCII characters.'],
  header_repeated: [400, 'A header that must be single was sent more than once.'],
  claim_missing: [400, 'This operation needs a Mailbox-Device-Claim header.'],
  body_invalid: [400, 'The body is not what this operation takes.'],
  body_already_read: [400, 'The body was consumed before the relay; mount the relay before body parsers.'],
  expiration_out_of_range: [400, 'The expiration is not in the range that this relay accepts.'],
  claim_invalid: [401, 'Mailbox-Device-Claim must be sent once, as a UUID other than the nil UUID.'],
  mailbox_taken: [401, 'Another device has taken this mailbox.'],
  not_bound: [401, 'This device is not bound to the mailbox.'],
  claim_released: [401, 'This device has relinquished the mailbox.'],
  right_missing: [401, 'The access rights of the mailbox do not include this operation.'],
  attestation_required: [401, 'This operation needs an attestation.'],
  attestation_invalid: [401, 'The attestation was not accepted.'],
  token_required: [401, 'This operation needs an access token.'],
  token_invalid: [401, 'The access token was not accepted.'],
  forbidden: [403, 'This is not allowed.'],
  tls_required: [403, 'TLS is required.'],
  mailbox_not_found: [404, 'There is no such mailbox.'],
  not_found: [404, 'There is nothing at this path.'],
  unsupported_version: [404, 'This relay speaks version v1 of the protocol.'],
  method_not_allowed: [405, 'This path does not take this method.'],
  body_timeout: [408, 'The body did not arrive in time.'],
  version_changed: [412, 'The mailbox has changed since the version named in Mailbox-Known-Version.'],
  body_too_large: [413, 'The body is larger than this relay accepts.'],
  media_type: [415, 'The body must be application/json, without a Content-Encoding.'],
  rate_limited: [429, 'Too many requests.'],
  quota_exceeded: [429, 'The quota is used up.'],
  internal_error: [500, 'The relay failed.'],
  store_unavailable: [503, 'The mailbox store did not answer. A retry with the same Mailbox-Request-ID is safe.'],
  store_full: [503, 'The mailbox store has no room for this. What it holds is kept.'],
  contention: [503, 'Too many devices change this mailbox at once. A retry with the same Mailbox-Request-ID is safe.'],
  authentication_unavailable: [503, 'Whether this request may be served could not be found out.'],
} as const satisfies Record<string, readonly [status: number, title: string]>;

/** The stable codes of the `code` member of a problem body (RFC 9457). */
export type RelayErrorCode = keyof typeof TABLE;

/** What a {@link RelayError} may carry besides its code. */
export interface RelayErrorDetails {
  /** Members added to the problem body, such as `field` or `maximum`. Never a secret: they are sent to the client. */
  readonly members?: Readonly<Record<string, string | number>>;
  /** Response headers, as [name, value] pairs, such as `Allow`. */
  readonly headers?: ReadonlyArray<readonly [name: string, value: string]>;
  /** Sent as the `detail` member: what to do about it. Never a secret. */
  readonly detail?: string;
  /** What caused it. Goes to events (as a code or a class name), never to the wire. */
  readonly cause?: unknown;
}

const BRAND = Symbol.for('credential-relay.RelayError');

/** A refusal the relay understands: it becomes an RFC 9457 problem with the status of its code. */
export class RelayError extends Error {
  override readonly name = 'RelayError';
  readonly [BRAND] = true;
  /** HTTP status of the answer. */
  readonly status: number;

  constructor(
    readonly code: RelayErrorCode,
    readonly details: RelayErrorDetails = {},
  ) {
    super(TABLE[code][1], details.cause === undefined ? undefined : { cause: details.cause });
    this.status = TABLE[code][0];
  }
}

/** Tells a {@link RelayError} from anything else, also when two copies of this package are loaded. */
export function isRelayError(error: unknown): error is RelayError {
  return typeof error === 'object' && error !== null && BRAND in error;
}

/** A body that breaks a rule; `field` is the dotted path of the member at fault, empty for the body as a whole. */
export function bodyInvalid(field: string, detail: string): RelayError {
  return new RelayError('body_invalid', { members: { field }, detail });
}

/** A store that did not answer, or answered what cannot be used: 503, never a 404 or a 500 (PROTOCOL: errors). */
export function storeUnavailable(cause: unknown): RelayError {
  return new RelayError('store_unavailable', { cause });
}

/** Seconds until a write that a full store refused is worth another try: what expires is swept twice a minute. */
const FULL_STORE_RETRY_SECONDS = '30';

/** A store without room for a write: 503. Reads go on, and so do writes that need no more room than there is. */
export function storeFull(cause: unknown): RelayError {
  return new RelayError('store_full', { cause, headers: [['Retry-After', FULL_STORE_RETRY_SECONDS]] });
}
