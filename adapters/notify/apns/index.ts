import { createPrivateKey, KeyObject } from 'node:crypto';
import { z } from 'zod';
import type { Notifier, PushOutcome } from '../../../src/relay/notify/contract.js';
import { parseOptions } from '../../../src/relay/parse-options.js';
import type { ProviderResponse } from '../shared/http-call.js';
import { parseJsonObject } from '../shared/json.js';
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

/** What {@link apnsNotifier} takes. */
export interface ApnsNotifierOptions {
  /** The team's identifier in Apple's developer programme, ten characters. */
  readonly teamId: string;
  /** The identifier of the signing key, ten characters. */
  readonly keyId: string;
  /** The signing key: the text of the `.p8` file (PEM, PKCS #8, P-256), or a key of `node:crypto`. */
  readonly privateKey: string | KeyObject;
  /** `apns-topic` of every push: the bundle id of the app. Never taken from a device. */
  readonly topic: string;
  /** Default `https://api.push.apple.com`; development builds of an app need `https://api.sandbox.push.apple.com`. */
  readonly origin?: string | undefined;
  /** Certificates trusted in place of the system's. */
  readonly ca?: TrustedCertificates | undefined;
  /** Milliseconds for one push. Default 5,000, at most 60,000. */
  readonly timeoutMs?: number | undefined;
  /** Types of notification tokens. Default `['com.apple.apns']`. */
  readonly types?: readonly string[] | undefined;
  /** Unix time in ms. Default `Date.now`. For tests. */
  readonly clock?: (() => number) | undefined;
}

const identifier = z.string('is required, as a text').regex(/^[A-Z0-9]{10}$/, 'must be 10 of the characters A-Z 0-9');

const schema = z.strictObject(
  {
    teamId: identifier,
    keyId: identifier,
    privateKey: z
      .custom<string | KeyObject>((value) => typeof value === 'string' || value instanceof KeyObject, 'is required')
      .transform(toKey)
      .refine((key) => key?.asymmetricKeyDetails?.namedCurve === 'prime256v1' && key.type === 'private', {
        message: 'must be a P-256 private key: the text of the .p8 file, or a key of node:crypto',
      })
      .transform((key) => key as KeyObject),
    topic: z
      .string('is required, as a text')
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/, 'must be a topic, such as the bundle id com.example.app'),
    origin: httpsOrigin.default('https://api.push.apple.com'),
    types: tokenTypes.default(['com.apple.apns']),
    ...commonOptions,
  },
  'takes an object of options',
);

/** APNs: a background push that wakes the app and shows nothing. */
const BODY = JSON.stringify({ aps: { 'content-available': 1 } });

/** What may stand in the path of a request; APNs's own tokens are hexadecimal. */
const TOKEN = /^[0-9A-Za-z_-]{1,200}$/;

/** Reasons of a 400 that concern the token alone. */
const BAD_TOKEN: ReadonlySet<unknown> = new Set(['BadDeviceToken', 'DeviceTokenNotForTopic']);

/**
 * Sends pushes to Apple devices through the Apple Push Notification service, over one HTTP/2 connection, as background
 * pushes (`apns-push-type: background`, priority 5): no text, no sound, nothing about the mailbox. APNs delivers these
 * when it sees fit, a few an hour; devices poll all the same. Needs the package `jose`.
 *
 * | APNs | outcome |
 * | --- | --- |
 * | 200 | sent |
 * | 410; 400 BadDeviceToken, DeviceTokenNotForTopic | gone |
 * | 429 TooManyRequests and others | retry, with `Retry-After`; the fault is the token's |
 * | 429 TooManyProviderTokenUpdates, 5xx; no answer in time, a cut connection | retry, with `Retry-After` |
 * | 403 ExpiredProviderToken | retry; a new provider token if the last one is 20 minutes old, else not before that |
 * | any other | rejected |
 *
 * BadDeviceToken is also what tokens of development builds get at the production `origin`, and the other way round.
 * Throws a TypeError for an option that can never work.
 */
export function apnsNotifier(options: ApnsNotifierOptions): Notifier {
  const { teamId, keyId, privateKey, topic, origin, ca, timeoutMs, types, clock } = parseOptions(
    'apnsNotifier',
    schema,
    options,
  );
  const tokens = createProviderTokens({ teamId, keyId, key: privateKey }, clock);
  const connection = createApnsConnection(origin, timeoutMs, ca);

  function judge({ status, retryAfter, body }: ProviderResponse, tokenData: string, sent: string): PushOutcome {
    if (status === 200) return { outcome: 'sent' };
    const { reason } = parseJsonObject(body);
    const code = toSafeCode(reason, tokenData) ?? toStatusCode(status);
    if (status === 410 || (status === 400 && BAD_TOKEN.has(reason))) return { outcome: 'gone', code };
    if (status === 403 && reason === 'ExpiredProviderToken') return createRetry(code, tokens.reportExpired(sent));
    const waitMs = parseRetryAfterMs(retryAfter, clock());
    // This 429 is about the relay's own tokens; the others are about the device's.
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
        const providerToken = await tokens.getToken();
        const headers = {
          authorization: `bearer ${providerToken}`,
          'apns-push-type': 'background',
          'apns-priority': '5',
          'apns-topic': topic,
          'apns-expiration': String(wholeHour(clock()) + PUSH_TTL_SECONDS),
          'content-type': 'application/json',
        };
        const path = `/3/device/${tokenData}`;
        return judge(await connection.post({ path, headers, body: BODY, signal }), tokenData, providerToken);
      }),
    close: () => connection.close(),
  };
}

/** The beginning of the hour, in Unix seconds: the same for all pushes of an hour. */
function wholeHour(now: number): number {
  return Math.floor(now / 3_600_000) * 3_600;
}

function toKey(value: string | KeyObject): KeyObject | undefined {
  if (typeof value !== 'string') return value;
  try {
    return createPrivateKey(value);
  } catch {
    // Its message could quote the text.
    return undefined;
  }
}
