import { randomUUID } from 'node:crypto';
import { type Agent, validateHeaderName, validateHeaderValue } from 'node:http';
import { z } from 'zod';
import type { Notifier } from '../../../src/relay/notify/contract.js';
import { parseOptions } from '../../../src/relay/parse-options.js';
import { hasUnsetPart, UNSET_PART } from '../../../src/relay/unset-part.js';
import { createEgress } from '../../shared/egress.js';
import { httpsUrl } from '../../shared/https-url.js';
import { secretText } from '../../shared/option-schemas.js';
import { createHttpSender } from '../shared/http-sender.js';
import { commonOptions, type TrustedCertificates, tokenTypes } from '../shared/option-schemas.js';
import { runPush, toOutcome } from '../shared/outcome.js';
import { parseWebhookSecret, signWebhook } from './signature.js';

export type { TrustedCertificates } from '../shared/option-schemas.js';

export { type VerifyWebhookOptions, verifyWebhook, type WebhookHeaders } from './signature.js';

/** Options of {@link webhookNotifier}. */
export interface WebhookNotifierOptions {
  /** The URL of the receiver: https, or http on a loopback name. */
  readonly url: string | URL;
  /** The secret that relay and receiver share: `whsec_` and the base64 text of 24 to 64 random bytes. */
  readonly secret: string;
  /** The types of notification tokens that the receiver handles. */
  readonly types: readonly string[];
  /** Additional headers of every request, such as `authorization`. Default: none. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Trusted certificates (PEM) in place of the system's. */
  readonly ca?: TrustedCertificates | undefined;
  /**
   * Connects in place of the notifier's own agent: an `Agent` of node:https, or such as HttpsProxyAgent. `close` does not
   * close this agent.
   */
  readonly agent?: Agent | undefined;
  /**
   * The http or https URL of an egress proxy, which must support CONNECT. `false`: no proxy. Cannot be combined with
   * `agent`. Default: `HTTPS_PROXY` of the environment, except for the hosts in `NO_PROXY`.
   */
  readonly proxy?: string | URL | false | undefined;
  /** Time limit for one push in milliseconds, from 20 to 60,000. Default 5,000. */
  readonly timeoutMs?: number | undefined;
  /** Returns Unix time in ms, for tests. Default `Date.now`. */
  readonly clock?: (() => number) | undefined;
}

/** Headers that the notifier or Node sets. */
const RESERVED = /^(webhook-.*|content-.*|host|connection|transfer-encoding|te|trailer|upgrade|expect)$/i;

const schema = z.strictObject({
  url: httpsUrl.refine(
    ({ username, password, hash }) => `${username}${password}${hash}` === '',
    'must not have credentials or a fragment',
  ),
  secret: secretText.transform((text, context) => {
    try {
      return parseWebhookSecret(text, '');
    } catch {
      context.addIssue('must be whsec_ and the base64 text of 24 to 64 random bytes');
      return z.NEVER;
    }
  }),
  types: tokenTypes,
  headers: z
    .record(z.string(), z.string(), 'must be an object of strings')
    .refine(
      (headers) => Object.entries(headers).every(isHeader),
      'must be valid headers that the notifier does not set itself',
    )
    .refine((headers) => !Object.values(headers).some(hasUnsetPart), UNSET_PART)
    .default({}),
  ...commonOptions,
});

/**
 * Creates a notifier that posts pushes to your own service, which then reaches the devices. The body is `{"type": ...,
 * "tokenData": ..., "expiresAt": Unix ms}`, signed according to Standard Webhooks. The receiver verifies the signature
 * with {@link verifyWebhook} or with a library for Standard Webhooks. The requests carry tokens of devices and no data
 * of the mailbox: `expiresAt` is a full hour about a day ahead. Each attempt has a new `webhook-id`.
 *
 * | Receiver | outcome |
 * | --- | --- |
 * | 2xx | sent |
 * | 410 | gone: the relay forgets the token |
 * | 429 | retry, with `Retry-After`; counts against the token |
 * | 5xx, a time-out, a lost connection | retry, with `Retry-After` |
 * | any other, including a redirect, which is not followed | rejected |
 *
 * @param options - `url`, `secret` and `types` are required.
 * @returns A notifier for `notify`.
 * @throws {TypeError} If an option is invalid. The message begins with the path of the option.
 * @example
 * createRelay({ notify: [webhookNotifier({ url: 'https://push.example/relay', secret, types: ['com.example.push'] })]
 * });
 * @see {@link https://www.standardwebhooks.com Standard Webhooks}
 */
export function webhookNotifier(options: WebhookNotifierOptions): Notifier {
  const settings = parseOptions('webhookNotifier', schema, options);
  const { url, secret, types, headers, ca, timeoutMs, clock } = settings;
  const sender = createHttpSender({ timeoutMs, ca, egress: createEgress('webhookNotifier', settings, timeoutMs) });

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
