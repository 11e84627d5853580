import { createPrivateKey, KeyObject } from 'node:crypto';
import type { Agent } from 'node:http';
import { z } from 'zod';
import type { Notifier, PushOutcome } from '../../../src/relay/notify/contract.js';
import { parseOptions } from '../../../src/relay/parse-options.js';
import { createEgress } from '../../shared/egress.js';
import { jose } from '../../shared/jose.js';
import { UNSET_VARIABLE } from '../../shared/option-schemas.js';
import { type ProviderResponse, parseJsonObject } from '../shared/http-call.js';
import { commonOptions, httpsOrigin, type TrustedCertificates, tokenTypes } from '../shared/option-schemas.js';
import {
  createRetry,
  createStatusRetry,
  isTransient,
  PUSH_TTL_SECONDS,
  parseRetryAfterMs,
  runPush,
  toSafeCode,
  toStatusCode,
} from '../shared/outcome.js';
import { createApnsConnection } from './connection.js';
import { createProviderTokens } from './provider-token.js';

export type { TrustedCertificates } from '../shared/option-schemas.js';

/** Options of {@link apnsNotifier}. */
export interface ApnsNotifierOptions {
  /** The identifier of the team in Apple's developer program, ten characters. */
  readonly teamId: string;
  /** The identifier of the signing key, ten characters. */
  readonly keyId: string;
  /** The signing key: the text of the `.p8` file (PEM, PKCS #8, P-256), or a key of `node:crypto`. */
  readonly privateKey: string | KeyObject;
  /** The `apns-topic` of every push: the bundle id of the app. */
  readonly topic: string;
  /**
   * The origin of APNs. Default `https://api.push.apple.com`. Development builds of an app need
   * `https://api.sandbox.push.apple.com`.
   */
  readonly origin?: string | undefined;
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
  /** The types of notification tokens that this notifier handles. Default `['com.apple.apns']`. */
  readonly types?: readonly string[] | undefined;
  /** Returns Unix time in ms, for tests. Default `Date.now`. */
  readonly clock?: (() => number) | undefined;
}

const identifier = z.string().regex(/^[A-Z0-9]{10}$/, 'must be 10 of the characters A-Z 0-9');

const schema = z.strictObject({
  teamId: identifier,
  keyId: identifier,
  privateKey: z
    .custom<string | KeyObject>((value) => typeof value === 'string' || value instanceof KeyObject, {
      error: ({ input }) =>
        Buffer.isBuffer(input)
          ? "must be the text of the .p8 file, not its bytes: readFileSync(path, 'utf8')"
          : `is required and must be the text of the .p8 file, or a key of node:crypto${input === undefined ? UNSET_VARIABLE : ''}`,
      abort: true,
    })
    .refine((value) => typeof value !== 'string' || value.includes('-----BEGIN'), {
      message:
        'must be a P-256 private key: the text of the .p8 file with its line -----BEGIN PRIVATE KEY-----, not its path',
      abort: true,
    })
    .transform(toKey)
    .refine((key) => key?.asymmetricKeyDetails?.namedCurve === 'prime256v1' && key.type === 'private', {
      message: 'must be a P-256 private key: the text of the .p8 file with its line ends, or a key of node:crypto',
    })
    .transform((key) => key as KeyObject),
  topic: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/, 'must be a topic, such as the bundle id com.example.app'),
  origin: httpsOrigin.default('https://api.push.apple.com'),
  types: tokenTypes.default(['com.apple.apns']),
  ...commonOptions,
});

/** A background push, which wakes the app and shows nothing. */
const BODY = JSON.stringify({ aps: { 'content-available': 1 } });

/** Characters that are safe in the path of a request. APNs's own tokens are hexadecimal. */
const TOKEN = /^[0-9A-Za-z_-]{1,200}$/;

/** Reasons of a 400 that concern only the token. */
const BAD_TOKEN: ReadonlySet<unknown> = new Set(['BadDeviceToken', 'DeviceTokenNotForTopic']);

/**
 * Creates a notifier for Apple devices. It sends background pushes (`apns-push-type: background`, priority 5) through
 * the Apple Push Notification service, over one HTTP/2 connection. A push has no text, no sound and no data about the
 * mailbox. APNs may delay background pushes and delivers a few per hour, so devices must also poll. Requires the
 * package `jose`.
 *
 * | APNs | outcome |
 * | --- | --- |
 * | 200 | sent |
 * | 410; 400 BadDeviceToken, DeviceTokenNotForTopic | gone |
 * | 429, except TooManyProviderTokenUpdates | retry, with `Retry-After`; counts against the token |
 * | 429 TooManyProviderTokenUpdates, 5xx, a time-out, a lost connection | retry, with `Retry-After` |
 * | 403 ExpiredProviderToken | retry with a new provider token, at least 20 minutes after the last one |
 * | any other | rejected |
 *
 * BadDeviceToken is also the response for tokens of development builds at the production `origin`, and for tokens of
 * production builds at the sandbox.
 *
 * @param options - `teamId`, `keyId`, `privateKey` and `topic` are required.
 * @returns A notifier for `notify`.
 * @throws {TypeError} If an option is invalid. The message begins with the path of the option.
 * @example
 * createRelay({ notify: [apnsNotifier({ teamId, keyId, privateKey, topic: 'com.example.wallet' })] });
 * @see {@link https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns APNs}
 */
export function apnsNotifier(options: ApnsNotifierOptions): Notifier {
  const settings = parseOptions('apnsNotifier', schema, options);
  const { teamId, keyId, privateKey, topic, origin, ca, timeoutMs, types, clock } = settings;
  jose.preload('apnsNotifier');
  const tokens = createProviderTokens({ teamId, keyId, key: privateKey }, clock);
  const connection = createApnsConnection({
    origin,
    timeoutMs,
    ca,
    egress: createEgress('apnsNotifier', settings, timeoutMs),
  });

  function toOutcome({ status, retryAfter, body }: ProviderResponse, tokenData: string, sent: string): PushOutcome {
    if (status === 200) return { outcome: 'sent' };
    const { reason } = parseJsonObject(body);
    const code = toSafeCode(reason, tokenData) ?? toStatusCode(status);
    if (status === 410 || (status === 400 && BAD_TOKEN.has(reason))) return { outcome: 'gone', code };
    if (status === 403 && reason === 'ExpiredProviderToken') return createRetry(code, tokens.reportExpired(sent));
    const waitMs = parseRetryAfterMs(retryAfter, clock());
    // This 429 concerns the relay's provider tokens. Other 429 concern the device.
    if (status === 429 && reason === 'TooManyProviderTokenUpdates') return createRetry(code, waitMs);
    if (isTransient(status)) return createStatusRetry(status, code, waitMs);
    return { outcome: 'rejected', code };
  }

  return {
    types,
    validate: (tokenData) => TOKEN.test(tokenData),
    destination: (tokenData) => ({ device: tokenData.toLowerCase() }),
    notify: ({ tokenData, signal }) =>
      runPush(async () => {
        if (!TOKEN.test(tokenData)) return { outcome: 'gone', code: 'token_invalid' };
        const loading = jose.load('apnsNotifier');
        if (loading !== undefined) await loading;
        const providerToken = await tokens.getToken();
        const headers = {
          authorization: `bearer ${providerToken}`,
          'apns-push-type': 'background',
          'apns-priority': '5',
          'apns-topic': topic,
          'apns-expiration': String(getHourStart(clock()) + PUSH_TTL_SECONDS),
          'content-type': 'application/json',
        };
        const path = `/3/device/${tokenData}`;
        return toOutcome(await connection.post({ path, headers, body: BODY, signal }), tokenData, providerToken);
      }),
    close: () => connection.close(),
  };
}

/** The start of the hour in Unix seconds. All pushes of an hour carry the same time, so that it identifies none. */
function getHourStart(now: number): number {
  return Math.floor(now / 3_600_000) * 3_600;
}

function toKey(value: string | KeyObject): KeyObject | undefined {
  if (typeof value !== 'string') return value;
  try {
    return createPrivateKey(value);
  } catch {
    // The error message could quote the key.
    return undefined;
  }
}
