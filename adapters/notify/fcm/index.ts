import { createPrivateKey, type KeyObject } from 'node:crypto';
import type { Agent } from 'node:http';
import { z } from 'zod';
import type { Notifier } from '../../../src/relay/notify/contract.js';
import { parseOptions } from '../../../src/relay/parse-options.js';
import { createEgress } from '../../shared/egress.js';
import { jose } from '../../shared/jose.js';
import type { ProviderResponse } from '../shared/http-call.js';
import { createHttpSender } from '../shared/http-sender.js';
import { commonOptions, httpsOrigin, type TrustedCertificates, tokenTypes } from '../shared/option-schemas.js';
import { PUSH_TTL_SECONDS, runPush } from '../shared/outcome.js';
import { createAccessTokens } from './access-token.js';
import { isThirdPartyError, toFcmOutcome } from './outcome.js';

export type { TrustedCertificates } from '../shared/option-schemas.js';

/** The key of a service account: the parsed JSON file from Google. Other members are ignored. */
export interface FcmServiceAccount {
  readonly project_id: string;
  readonly client_email: string;
  /** An RSA key in PEM (PKCS #8). */
  readonly private_key: string;
  readonly private_key_id?: string | undefined;
  /** The token endpoint. Default `https://oauth2.googleapis.com/token`. */
  readonly token_uri?: string | undefined;
}

/** Options of {@link fcmNotifier}. */
export interface FcmNotifierOptions {
  /** An account with the permission to send messages of its Firebase project. */
  readonly serviceAccount: FcmServiceAccount;
  /** The origin of FCM. Default `https://fcm.googleapis.com`. */
  readonly origin?: string | undefined;
  /** Trusted certificates (PEM) in place of the system's, also for the token endpoint. */
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
  /**
   * Time limit for one request in milliseconds, from 20 to 60,000. Default 5,000. About once per hour, a push also waits
   * for the request of an access token.
   */
  readonly timeoutMs?: number | undefined;
  /** The types of notification tokens that this notifier handles. Default `['com.google.fcm']`. */
  readonly types?: readonly string[] | undefined;
  /** Returns Unix time in ms, for tests. Default `Date.now`. */
  readonly clock?: (() => number) | undefined;
}

const schema = z.strictObject({
  serviceAccount: z.object(
    {
      project_id: z.string().regex(/^[a-z0-9][a-z0-9.:-]{0,99}$/, 'must be a project id'),
      client_email: z.string().regex(/^[^\s@]+@[^\s@]+$/, 'must be an e-mail address'),
      private_key: z
        .string()
        .transform(toKey)
        .refine((key) => key?.asymmetricKeyType === 'rsa', 'must be an RSA private key in PEM, with its line ends')
        .transform((key) => key as KeyObject),
      private_key_id: z.string().optional(),
      token_uri: z
        .string()
        .refine((text) => URL.canParse(text) && new URL(text).protocol === 'https:', 'must be an https URL')
        .refine((text) => URL.canParse(text) && new URL(text).username === '', 'must not hold credentials')
        .default('https://oauth2.googleapis.com/token'),
    },
    { error: ({ input }) => describeAccount(input) },
  ),
  origin: httpsOrigin.default('https://fcm.googleapis.com'),
  types: tokenTypes.default(['com.google.fcm']),
  ...commonOptions,
});

const PARSED = 'must be the parsed JSON file of the account';

/** The message for a service account that is no object. */
function describeAccount(input: unknown): string {
  if (typeof input !== 'string') return `is required and ${PARSED}`;
  if (input.trim() === '') return 'is empty: is the environment variable set?';
  return input.trimStart().startsWith('{')
    ? `${PARSED}: call JSON.parse with this text`
    : `${PARSED}, not its path: JSON.parse(readFileSync(path, 'utf8'))`;
}

/** Throws for the members of the account beside the options. */
function assertWrapped(options: unknown): void {
  if (typeof options !== 'object' || options === null || !('private_key' in options)) return;
  throw new TypeError(
    'fcmNotifier.serviceAccount: is required; pass the account as this option: { serviceAccount: account }',
  );
}

/** Throws for an object in place of a service account, whose first absent member would explain nothing. */
function assertServiceAccount(options: unknown): void {
  const { serviceAccount } = Object(options) as { readonly serviceAccount?: unknown };
  if (Buffer.isBuffer(serviceAccount)) {
    throw new TypeError(`fcmNotifier.serviceAccount: ${PARSED}, not its bytes: call JSON.parse with the file`);
  }
  const { type } = Object(serviceAccount) as { readonly type?: unknown };
  if (type !== undefined && type !== 'service_account') {
    throw new TypeError(
      'fcmNotifier.serviceAccount: must have the type service_account: create a key of such an account',
    );
  }
}

/** FCM requires data in a message without a notification. All pushes carry the same data. */
const DATA = { hint: 'changed' };

const ANDROID = { priority: 'high', ttl: `${PUSH_TTL_SECONDS}s` };

/** Registration tokens have no documented form, and contain no spaces. */
const TOKEN = /^[\x21-\x7e]{1,4096}$/;

/**
 * Creates a notifier for Android devices. It sends data messages at high priority through Firebase Cloud Messaging
 * (HTTP v1). The app always receives `data: { hint: 'changed' }`, and the device shows nothing. The notifier requests
 * access tokens with a signed assertion (RFC 7523) and renews them a minute before they expire. Requires the package
 * `jose`.
 *
 * | FCM | outcome |
 * | --- | --- |
 * | 200 | sent |
 * | 404 UNREGISTERED; 400 INVALID_ARGUMENT about the token | gone |
 * | 429 | retry, with `Retry-After`; counts against the token |
 * | 5xx, a time-out, a lost connection, no access token | retry, with `Retry-After` |
 * | 401 THIRD_PARTY_AUTH_ERROR | rejected |
 * | any other 401 | one more attempt with a new access token, then rejected |
 * | 403 SENDER_ID_MISMATCH and any other | rejected |
 *
 * If the token endpoint refuses the account (`invalid_grant`), the outcome is `rejected`.
 *
 * @param options - Only `serviceAccount` is required.
 * @returns A notifier for `notify`.
 * @throws {TypeError} If an option is invalid. The message begins with the path of the option.
 * @example
 * createRelay({ notify: [fcmNotifier({ serviceAccount: JSON.parse(await readFile('account.json', 'utf8')) })] });
 * @see {@link https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages/send FCM HTTP v1}
 */
export function fcmNotifier(options: FcmNotifierOptions): Notifier {
  assertWrapped(options);
  assertServiceAccount(options);
  const settings = parseOptions('fcmNotifier', schema, options);
  const { serviceAccount, origin, ca, timeoutMs, types, clock } = settings;
  jose.preload('fcmNotifier');
  const sender = createHttpSender({ timeoutMs, ca, egress: createEgress('fcmNotifier', settings, timeoutMs) });
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
    const response = await sender.post(target, { headers, body, signal });
    if (isAccessTokenRefused(response)) tokens.discard(token);
    return response;
  }

  return {
    types,
    validate: (tokenData) => TOKEN.test(tokenData),
    notify: ({ tokenData, signal }) =>
      runPush(async () => {
        const loading = jose.load('fcmNotifier');
        if (loading !== undefined) await loading;
        const body = JSON.stringify({ message: { token: tokenData, data: DATA, android: ANDROID } });
        const first = await send(body, signal);
        const response = isAccessTokenRefused(first) ? await send(body, signal) : first;
        return toFcmOutcome(response, tokenData, clock());
      }),
    close: async () => sender.close(),
  };
}

/** True if FCM refused the access token. */
function isAccessTokenRefused(response: ProviderResponse): boolean {
  return response.status === 401 && !isThirdPartyError(response);
}

function toKey(text: string): KeyObject | undefined {
  try {
    return createPrivateKey(text);
  } catch {
    // The error message could quote the key.
    return undefined;
  }
}
