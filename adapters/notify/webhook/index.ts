import { randomUUID } from 'node:crypto';
import { validateHeaderName, validateHeaderValue } from 'node:http';
import { z } from 'zod';
import { isLoopbackName } from '../../../src/protocol/loopback.js';
import type { Notifier } from '../../../src/relay/notify/contract.js';
import { parseOptions } from '../../../src/relay/parse-options.js';
import { createHttpSender } from '../shared/http-sender.js';
import { commonOptions, type TrustedCertificates, tokenTypes } from '../shared/option-schemas.js';
import { runPush, toOutcome } from '../shared/outcome.js';
import { parseWebhookSecret, signWebhook } from './signature.js';

export { type VerifyWebhookOptions, verifyWebhook, type WebhookHeaders } from './signature.js';

/** What {@link webhookNotifier} takes. */
export interface WebhookNotifierOptions {
  /** Where pushes are posted to: https, or http on a loopback name. */
  readonly url: string | URL;
  /** Shared with the receiver: `whsec_` and the base64 text of 24 to 64 random bytes. */
  readonly secret: string;
  /** Types of notification tokens that the receiver handles. */
  readonly types: readonly string[];
  /** Further headers of every request, such as `authorization`. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Certificates trusted in place of the system's. */
  readonly ca?: TrustedCertificates | undefined;
  /** Milliseconds for one push. Default 5,000, at most 60,000. */
  readonly timeoutMs?: number | undefined;
  /** Unix time in ms. Default `Date.now`. For tests. */
  readonly clock?: (() => number) | undefined;
}

/** Headers that are the notifier's own, or the connection's. */
const RESERVED = /^(webhook-.*|content-.*|host|connection|transfer-encoding|te|trailer|upgrade|expect)$/i;

const schema = z.strictObject(
  {
    url: z
      .custom<string | URL>(
        (value) => (typeof value === 'string' || value instanceof URL) && URL.canParse(String(value)),
        {
          message: 'is required, as an absolute URL',
          abort: true,
        },
      )
      .transform((value) => new URL(value))
      .refine(({ protocol, hostname }) => protocol === 'https:' || (protocol === 'http:' && isLoopbackName(hostname)), {
        message: 'must be an https URL, or http on a loopback name',
      })
      .refine(({ username, password, hash }) => `${username}${password}${hash}` === '', {
        message: 'must not have credentials or a fragment',
      }),
    secret: z.string('is required, as a text').transform((text, context) => {
      try {
        return parseWebhookSecret(text, '');
      } catch {
        context.addIssue('must be whsec_ and the base64 text of 24 to 64 random bytes');
        return z.NEVER;
      }
    }),
    types: tokenTypes,
    headers: z
      .record(z.string(), z.string('must be a text'), 'must be an object of texts')
      .refine((headers) => Object.entries(headers).every(isHeader), 'must be headers that the notifier does not set')
      .default({}),
    ...commonOptions,
  },
  'takes an object of options',
);

/**
 * Hands pushes to a service of your own, which knows how to reach the devices: a POST of
 * `{"type": ..., "tokenData": ..., "expiresAt": Unix ms}` to `url`, signed as Standard Webhooks describes. The receiver
 * checks it with {@link verifyWebhook}, or a library of Standard Webhooks. The requests carry tokens of devices, and
 * nothing of the mailbox: `expiresAt` is a whole hour about a day ahead. `webhook-id` is new with each try.
 *
 * | Receiver | outcome |
 * | --- | --- |
 * | 2xx | sent |
 * | 410 | gone: the token is forgotten |
 * | 429 | retry, with `Retry-After`; the fault is the token's |
 * | 5xx; no answer in time, a cut connection | retry, with `Retry-After` |
 * | any other, a redirect included (none is followed) | rejected |
 *
 * Throws a TypeError for an option that can never work.
 */
export function webhookNotifier(options: WebhookNotifierOptions): Notifier {
  const { url, secret, types, headers, ca, timeoutMs, clock } = parseOptions('webhookNotifier', schema, options);
  const sender = createHttpSender({ timeoutMs, ca });

  return {
    types,
    notify: ({ type, tokenData, expiresAt, signal }) =>
      runPush(async () => {
        const id = `msg_${randomUUID()}`;
        const timestamp = String(Math.floor(clock() / 1000));
        const body = JSON.stringify({ type, tokenData, expiresAt });
        const signed = {
          ...headers,
          'content-type': 'application/json',
          'webhook-id': id,
          'webhook-timestamp': timestamp,
          'webhook-signature': signWebhook(secret, id, timestamp, body),
        };
        return toOutcome(await sender.post(url, { headers: signed, body, signal }), [410], clock());
      }),
    close: async () => sender.close(),
  };
}

function isHeader([name, value]: [string, string]): boolean {
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
  } catch {
    return false;
  }
  return !RESERVED.test(name);
}
