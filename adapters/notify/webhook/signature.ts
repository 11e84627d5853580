import { createHmac, timingSafeEqual } from 'node:crypto';

/** Seconds by which the timestamp of a webhook may be off, either way. */
const DEFAULT_TOLERANCE_SECONDS = 5 * 60;

/** The most signatures that are looked at in one header. */
const MAXIMUM_SIGNATURES = 16;

/** What {@link verifyWebhook} takes besides the request. */
export interface VerifyWebhookOptions {
  /** Seconds by which `webhook-timestamp` may differ from the clock, either way. Default 300. */
  readonly toleranceSeconds?: number | undefined;
  /** Unix time in ms. Default `Date.now`. */
  readonly clock?: (() => number) | undefined;
}

/** Headers of a request: of fetch, or of Node. */
export type WebhookHeaders = Headers | Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * The bytes of a secret, written as `whsec_` and base64, or as base64 alone (Standard Webhooks). Throws a TypeError
 * whose message begins with `path` for anything but 24 to 64 bytes.
 */
export function parseWebhookSecret(secret: string, path: string): Buffer {
  const text = typeof secret === 'string' ? secret.replace(/^whsec_/, '') : '';
  const key = Buffer.from(text, 'base64');
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text) || key.length < 24 || key.length > 64) {
    throw new TypeError(`${path}: must be whsec_ and the base64 text of 24 to 64 random bytes`);
  }
  return key;
}

/** The value of `webhook-signature`: `v1,` and the base64 HMAC-SHA256 over `id.timestamp.body`. */
export function signWebhook(key: Buffer, id: string, timestamp: string, body: string | Uint8Array): string {
  return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64')}`;
}

/**
 * For the receiver of `webhookNotifier`: true if the request was signed with `secret` and is of now. `body` is the raw
 * body, byte for byte: a parsed and serialised one does not fit. Remember the `webhook-id` for the time of the tolerance if
 * a replayed push would do harm. Compares in constant time.
 *
 * ```ts
 * if (!verifyWebhook(secret, request.headers, rawBody)) return response.writeHead(401).end();
 * const { type, tokenData, expiresAt } = JSON.parse(rawBody);
 * ```
 *
 * To change the secret, accept a request that either of the two verifies until the relay has the new one. Throws a
 * TypeError for a secret that is none.
 */
export function verifyWebhook(
  secret: string,
  headers: WebhookHeaders,
  body: string | Uint8Array,
  { toleranceSeconds = DEFAULT_TOLERANCE_SECONDS, clock = Date.now }: VerifyWebhookOptions = {},
): boolean {
  const key = parseWebhookSecret(secret, 'verifyWebhook.secret');
  const id = getSingleHeader(headers, 'webhook-id');
  const timestamp = getSingleHeader(headers, 'webhook-timestamp');
  const signatures = getSingleHeader(headers, 'webhook-signature');
  if (id === undefined || timestamp === undefined || signatures === undefined) return false;
  if (!/^\d{1,12}$/.test(timestamp)) return false;
  // Written so that NaN, of a clock or a tolerance, refuses.
  if (!(Math.abs(clock() / 1000 - Number(timestamp)) <= toleranceSeconds)) return false;
  const expected = Buffer.from(signWebhook(key, id, timestamp, body));
  return signatures
    .split(' ', MAXIMUM_SIGNATURES)
    .map((signature) => Buffer.from(signature))
    .some((given) => given.length === expected.length && timingSafeEqual(given, expected));
}

/** The value of a header that was sent once. */
function getSingleHeader(headers: WebhookHeaders, name: string): string | undefined {
  if (headers instanceof Headers) return headers.get(name) ?? undefined;
  const values = Object.entries(headers).filter(([key]) => key.toLowerCase() === name);
  const [value] = values.map(([, found]) => found);
  return values.length === 1 && typeof value === 'string' ? value : undefined;
}
