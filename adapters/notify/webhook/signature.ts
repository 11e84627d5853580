import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { parseOptions } from '../../../src/relay/parse-options.js';
import { UNSET_VARIABLE } from '../../shared/option-schemas.js';

const TOLERANCE_RANGE = 'must be a number of seconds from 0 to 86400';

const schema = z.strictObject({
  // NaN passes, and matches no timestamp.
  toleranceSeconds: z
    .custom<number>((value) => typeof value === 'number' && !(value < 0 || value > 86_400), TOLERANCE_RANGE)
    .default(5 * 60),
  clock: z.custom<() => number>((value) => typeof value === 'function', 'must be a function').default(() => Date.now),
});

/** Maximum number of signatures that are read from one header. */
const MAXIMUM_SIGNATURES = 16;

/** Options of {@link verifyWebhook}. */
export interface VerifyWebhookOptions {
  /** Accepted difference in seconds between `webhook-timestamp` and the clock, from 0 to 86,400. Default 300. */
  readonly toleranceSeconds?: number | undefined;
  /** Returns Unix time in ms, for tests. Default `Date.now`. */
  readonly clock?: (() => number) | undefined;
}

/** The headers of a fetch or Node request. */
export type WebhookHeaders = Headers | Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * Parses a secret: base64 with or without `whsec_` (Standard Webhooks). Throws a TypeError whose message begins with
 * `path` unless the secret has 24 to 64 bytes.
 */
export function parseWebhookSecret(secret: string, path: string): Buffer {
  const text = typeof secret === 'string' ? secret.replace(/^whsec_/, '') : '';
  const key = Buffer.from(text, 'base64');
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text) || key.length < 24 || key.length > 64) {
    const end = secret === undefined ? UNSET_VARIABLE : '';
    throw new TypeError(`${path}: must be whsec_ and the base64 text of 24 to 64 random bytes${end}`);
  }
  return key;
}

/** The value of `webhook-signature`: `v1,` and the base64 HMAC-SHA256 over `id.timestamp.body`. */
export function signWebhook(key: Buffer, id: string, timestamp: string, body: string | Uint8Array): string {
  return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64')}`;
}

/**
 * Verifies a request of `webhookNotifier`, for the receiver: the request must be signed with `secret`, and its
 * timestamp must be current. Compares signatures in constant time. If a replayed push would do harm, remember the
 * `webhook-id` for the time of the tolerance. To change the secret, accept requests with either secret until the relay
 * has the new one.
 *
 * @param secret - The secret of the notifier.
 * @param headers - The headers of the request.
 * @param body - The raw body, byte for byte. A parsed and serialised body does not match.
 * @param options - The tolerance and the clock.
 * @returns True if the request is authentic.
 * @throws {TypeError} If the secret is malformed, or for a wrong option.
 * @example
 * if (!verifyWebhook(secret, request.headers, rawBody)) return response.writeHead(401).end();
 * const { type, tokenData, expiresAt } = JSON.parse(rawBody);
 * @see {@link https://www.standardwebhooks.com Standard Webhooks}
 */
export function verifyWebhook(
  secret: string,
  headers: WebhookHeaders,
  body: string | Uint8Array,
  options: VerifyWebhookOptions = {},
): boolean {
  const { toleranceSeconds, clock } = parseOptions('verifyWebhook.options', schema, options);
  const key = parseWebhookSecret(secret, 'verifyWebhook.secret');
  const id = getSingleHeader(headers, 'webhook-id');
  const timestamp = getSingleHeader(headers, 'webhook-timestamp');
  const signatures = getSingleHeader(headers, 'webhook-signature');
  if (id === undefined || timestamp === undefined || signatures === undefined) return false;
  if (!/^\d{1,12}$/.test(timestamp)) return false;
  // The negated condition also rejects NaN from the clock or the tolerance.
  if (!(Math.abs(clock() / 1000 - Number(timestamp)) <= toleranceSeconds)) return false;
  const expected = Buffer.from(signWebhook(key, id, timestamp, body));
  return signatures
    .split(' ', MAXIMUM_SIGNATURES)
    .map((signature) => Buffer.from(signature))
    .some((given) => given.length === expected.length && timingSafeEqual(given, expected));
}

/** Returns `undefined` unless the request has the header exactly once. */
function getSingleHeader(headers: WebhookHeaders, name: string): string | undefined {
  if (headers instanceof Headers) return headers.get(name) ?? undefined;
  const values = Object.entries(headers).filter(([key]) => key.toLowerCase() === name);
  const [value] = values.map(([, found]) => found);
  return values.length === 1 && typeof value === 'string' ? value : undefined;
}
