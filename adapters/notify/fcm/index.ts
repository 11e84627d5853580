import { createPrivateKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import type { Notifier } from '../../../src/relay/notify/contract.js';
import { parseOptions } from '../../../src/relay/parse-options.js';
import type { ProviderResponse } from '../shared/http-call.js';
import { createHttpSender } from '../shared/http-sender.js';
import { commonOptions, httpsOrigin, type TrustedCertificates, tokenTypes } from '../shared/option-schemas.js';
import { PUSH_TTL_SECONDS, runPush } from '../shared/outcome.js';
import { createAccessTokens } from './access-token.js';
import { isThirdPartyError, toFcmOutcome } from './outcome.js';

/** The key of a service account, as Google hands it out: the parsed JSON file; other members are ignored. */
export interface FcmServiceAccount {
  readonly project_id: string;
  readonly client_email: string;
  /** RSA, PEM, PKCS #8. */
  readonly private_key: string;
  readonly private_key_id?: string | undefined;
  /** Default `https://oauth2.googleapis.com/token`. */
  readonly token_uri?: string | undefined;
}

/** What {@link fcmNotifier} takes. */
export interface FcmNotifierOptions {
  /** An account with the role that may send messages of its Firebase project. */
  readonly serviceAccount: FcmServiceAccount;
  /** Default `https://fcm.googleapis.com`. */
  readonly origin?: string | undefined;
  /** Certificates trusted in place of the system's, for the token endpoint too. */
  readonly ca?: TrustedCertificates | undefined;
  /** Milliseconds for one request: that of the push, and before it, once an hour, that of an access token. Default 5,000,
   * at most 60,000. */
  readonly timeoutMs?: number | undefined;
  /** Types of notification tokens. Default `['com.google.fcm']`. */
  readonly types?: readonly string[] | undefined;
  /** Unix time in ms. Default `Date.now`. For tests. */
  readonly clock?: (() => number) | undefined;
}

const schema = z.strictObject(
  {
    serviceAccount: z.object(
      {
        project_id: z.string('is required, as a text').regex(/^[a-z0-9][a-z0-9.:-]{0,99}$/, 'must be a project id'),
        client_email: z.string('is required, as a text').regex(/^[^\s@]+@[^\s@]+$/, 'must be an e-mail address'),
        private_key: z
          .string('is required, as a text')
          .transform(toKey)
          .refine((key) => key?.asymmetricKeyType === 'rsa', 'must be an RSA private key in PEM')
          .transform((key) => key as KeyObject),
        private_key_id: z.string('must be a text').optional(),
        token_uri: z
          .string('must be a text')
          .refine((text) => URL.canParse(text) && new URL(text).protocol === 'https:', 'must be an https URL')
          .refine((text) => URL.canParse(text) && new URL(text).username === '', 'must not hold credentials')
          .default('https://oauth2.googleapis.com/token'),
      },
      'is required: the parsed JSON file of the account',
    ),
    origin: httpsOrigin.default('https://fcm.googleapis.com'),
    types: tokenTypes.default(['com.google.fcm']),
    ...commonOptions,
  },
  'takes an object of options',
);

/** FCM wants some data in a message that shows nothing; this is the same for every push and tells nothing. */
const DATA = { hint: 'changed' };

const ANDROID = { priority: 'high', ttl: `${PUSH_TTL_SECONDS}s` };

/** Registration tokens have no documented form, but no spaces. */
const TOKEN = /^[\x21-\x7e]{1,4096}$/;

/**
 * Sends pushes to Android devices through Firebase Cloud Messaging (HTTP v1), as messages without a notification: the
 * app gets `data: { hint: 'changed' }`, always the same, at high priority, and nothing is shown. Access tokens are got by
 * a signed assertion (RFC 7523) and kept until a minute before they end. Needs the package `jose`.
 *
 * | FCM | outcome |
 * | --- | --- |
 * | 200 | sent |
 * | 404 UNREGISTERED; 400 INVALID_ARGUMENT about the token | gone |
 * | 429 | retry, with `Retry-After`; the fault is the token's |
 * | 5xx; no answer in time, a cut connection; no access token | retry, with `Retry-After` |
 * | 401 THIRD_PARTY_AUTH_ERROR | rejected |
 * | any other 401 | once more with a new access token, then rejected |
 * | 403 SENDER_ID_MISMATCH and any other | rejected |
 *
 * A token endpoint that refuses the account (`invalid_grant`) is `rejected` as well. Throws a TypeError for an option that
 * can never work.
 */
export function fcmNotifier(options: FcmNotifierOptions): Notifier {
  const { serviceAccount, origin, ca, timeoutMs, types, clock } = parseOptions('fcmNotifier', schema, options);
  const sender = createHttpSender({ timeoutMs, ca });
  const account = {
    clientEmail: serviceAccount.client_email,
    key: serviceAccount.private_key,
    keyId: serviceAccount.private_key_id,
    tokenUri: new URL(serviceAccount.token_uri),
  };
  const tokens = createAccessTokens(account, sender, clock);
  const target = new URL(`/v1/projects/${serviceAccount.project_id}/messages:send`, origin);

  async function send(body: string, signal: AbortSignal) {
    const token = await tokens.getToken(signal);
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const answer = await sender.post(target, { headers, body, signal });
    if (isAccessTokenRefused(answer)) tokens.discard(token);
    return answer;
  }

  return {
    types,
    validate: (tokenData) => TOKEN.test(tokenData),
    notify: ({ tokenData, signal }) =>
      runPush(async () => {
        const body = JSON.stringify({ message: { token: tokenData, data: DATA, android: ANDROID } });
        const first = await send(body, signal);
        const answer = isAccessTokenRefused(first) ? await send(body, signal) : first;
        return toFcmOutcome(answer, tokenData, clock());
      }),
    close: async () => sender.close(),
  };
}

/** True if FCM did not take the access token. */
function isAccessTokenRefused(answer: ProviderResponse): boolean {
  return answer.status === 401 && !isThirdPartyError(answer);
}

function toKey(text: string): KeyObject | undefined {
  try {
    return createPrivateKey(text);
  } catch {
    // Its message could quote the text.
    return undefined;
  }
}
