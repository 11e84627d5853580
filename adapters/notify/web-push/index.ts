import { createECDH } from 'node:crypto';
import { lookup as systemLookup } from 'node:dns';
import type { Agent } from 'node:http';
import type { LookupFunction } from 'node:net';
import { z } from 'zod';
import type { Notifier } from '../../../src/relay/notify/contract.js';
import { parseOptions } from '../../../src/relay/parse-options.js';
import { createEgress } from '../../shared/egress.js';
import { secretText } from '../../shared/option-schemas.js';
import { createBoundedLookup, LOOKUPS_BUSY } from '../shared/bounded-lookup.js';
import { createHttpSender } from '../shared/http-sender.js';
import { commonOptions, type TrustedCertificates, tokenTypes } from '../shared/option-schemas.js';
import { createRetry, PUSH_TTL_SECONDS, PushFailure, runPush, toOutcome } from '../shared/outcome.js';
import { createPublicLookup, PRIVATE_ADDRESS } from '../shared/public-address.js';
import { webPush } from './library.js';
import { type HostRule, parseHostRule, parseSubscription, readEndpoint } from './subscription.js';

export type { TrustedCertificates } from '../shared/option-schemas.js';

/** Options of {@link webPushNotifier}. */
export interface WebPushNotifierOptions {
  /** The contact of the operator for push services: a `mailto:` or https URL (RFC 8292 §2.1). */
  readonly subject: string;
  /** The VAPID public key, 65 bytes in base64url: the `applicationServerKey` of the browser. */
  readonly publicKey: string;
  /** The VAPID private key, 32 bytes in base64url. */
  readonly privateKey: string;
  /**
   * Push services that are allowed besides those of Chrome, Chromium, Firefox, Edge and Safari: host names, `*.` followed
   * by a host name, or IP addresses, with `:port` for a port other than 443. Default: none.
   */
  readonly hosts?: readonly string[] | undefined;
  /** The allowed push services in place of the browsers' own. Cannot be combined with `hosts`. */
  readonly onlyHosts?: readonly string[] | undefined;
  /** True: names may resolve to private and loopback addresses, for a push service in your network. Default false. */
  readonly privateAddresses?: boolean | undefined;
  /** Trusted certificates (PEM) in place of the system's. */
  readonly ca?: TrustedCertificates | undefined;
  /**
   * Connects in place of the notifier's own agent: an `Agent` of node:https, or such as HttpsProxyAgent. An agent that
   * resolves names must itself block private addresses. `close` does not close this agent.
   */
  readonly agent?: Agent | undefined;
  /**
   * The http or https URL of an egress proxy, which must support CONNECT. The relay still calls only hosts of the list.
   * The proxy resolves their names, so it must itself block private addresses. `false`: no proxy. Cannot be combined
   * with `agent`. Default: `HTTPS_PROXY` of the environment, except for the hosts in `NO_PROXY`.
   */
  readonly proxy?: string | URL | false | undefined;
  /** Resolves names in place of `dns.lookup`, for direct connections. */
  readonly lookup?: LookupFunction | undefined;
  /** Time limit for one push in milliseconds, from 20 to 60,000. Default 5,000. */
  readonly timeoutMs?: number | undefined;
  /** The types of notification tokens that this notifier handles. Default `['webpush']`. */
  readonly types?: readonly string[] | undefined;
  /** Returns Unix time in ms, for tests. Default `Date.now`. */
  readonly clock?: (() => number) | undefined;
}

/**
 * The push services of browsers in 2026: Chrome and its relatives (Edge on Android, Opera, Samsung Internet, Brave), a
 * Chromium without Google's keys, Firefox, Edge on Windows, and Safari, whose host may be any below push.apple.com by
 * Apple's documentation ("Sending web push notifications in web apps and browsers").
 */
const PUSH_SERVICES = [
  'fcm.googleapis.com',
  'jmt17.google.com',
  'updates.push.services.mozilla.com',
  'web.push.apple.com',
  '*.push.apple.com',
  '*.notify.windows.com',
  '*.wns.windows.com',
].map((entry) => parseHostRule(entry) as HostRule);

const hostList = z
  .array(
    z
      .string('must be a host, as a string')
      .refine(
        (entry) => parseHostRule(entry) !== undefined,
        'must be a host such as push.example, *.push.example or push.example:8443, in lower case and without https://',
      )
      .transform((entry) => parseHostRule(entry) as HostRule),
    "must be a list of hosts, such as ['push.example']",
  )
  .min(1, 'must name at least one host');

/** Apple's service rejects localhost, and a `mailto:` with white space or angle brackets. */
function isContact(text: string): boolean {
  if (/localhost/i.test(text)) return false;
  return /^mailto:[^\s<>@]+@[^\s<>@]+$/i.test(text) || (/^https:\/\/[^\s<>]+$/i.test(text) && URL.canParse(text));
}

const vapidKey = (bytes: number) =>
  secretText.refine(
    (text) => /^[A-Za-z0-9_-]+$/.test(text) && Buffer.from(text, 'base64url').length === bytes,
    `must be ${bytes} bytes in base64url without padding`,
  );

const schema = z
  .strictObject({
    subject: z
      .string()
      .refine(
        isContact,
        'must be https://… or mailto: and an address, without white space, angle brackets and localhost',
      ),
    publicKey: vapidKey(65),
    privateKey: vapidKey(32),
    hosts: hostList.optional(),
    onlyHosts: hostList.optional(),
    privateAddresses: z.boolean().default(false),
    lookup: z.custom<LookupFunction>((value) => typeof value === 'function', 'must be a function').optional(),
    types: tokenTypes.default(['webpush']),
    ...commonOptions,
  })
  .refine(({ publicKey, privateKey }) => isPair(publicKey, privateKey), {
    message: 'must belong to the privateKey',
    path: ['publicKey'],
  })
  .refine(({ hosts, onlyHosts }) => hosts === undefined || onlyHosts === undefined, {
    message: 'cannot be combined with hosts, which adds to the default list',
    path: ['onlyHosts'],
  });

const USER = 'webPushNotifier';

/** All pushes carry the same content, so that it reveals nothing. */
const PAYLOAD = JSON.stringify({ hint: 'changed' });

/**
 * Creates a notifier for browsers. It sends pushes (RFC 8030) that are encrypted for the browser (RFC 8291) and signed
 * by the relay (VAPID, RFC 8292). The token is the JSON text of the browser's PushSubscription. The service worker
 * always receives `{"hint":"changed"}`. Requires the package `web-push`.
 *
 * A device chooses the endpoint to which the relay posts. So the endpoint must be an https URL on a host of the list
 * (`hosts`, `onlyHosts`). If it is not, the relay emits `token.declined`. Names must resolve to public addresses, and the notifier checks the addresses that the connection uses. An IP address
 * must be on the list itself. The notifier follows no redirects and reads at most 16 KiB of a response.
 *
 * | Push service | outcome |
 * | --- | --- |
 * | 2xx | sent |
 * | 404, 410 | gone |
 * | 429 | retry, with `Retry-After`; counts against the token |
 * | no request, since 16 lookups are under way | retry; counts against the token |
 * | 5xx, a time-out, a lost connection | retry, with `Retry-After` |
 * | any other; a host that is not listed, a private address, an unknown name under a `*.` entry | rejected |
 *
 * @param options - `subject`, `publicKey` and `privateKey` are required.
 * @returns A notifier for `notify`.
 * @throws {TypeError} If an option is invalid. The message begins with the path of the option.
 * @example
 * createRelay({ notify: [webPushNotifier({ subject: 'mailto:ops@example.com', publicKey, privateKey })] });
 * @see {@link https://www.rfc-editor.org/rfc/rfc8030 RFC 8030}
 * @see {@link https://www.rfc-editor.org/rfc/rfc8291 RFC 8291}
 * @see {@link https://www.rfc-editor.org/rfc/rfc8292 RFC 8292}
 */
export function webPushNotifier(options: WebPushNotifierOptions): Notifier {
  const settings = parseOptions(USER, schema, options);
  const { subject, publicKey, privateKey, privateAddresses, timeoutMs, ca, types, clock } = settings;
  const hosts = settings.onlyHosts ?? [...PUSH_SERVICES, ...(settings.hosts ?? [])];
  webPush.preload(USER);
  const lookup = createBoundedLookup(settings.lookup ?? systemLookup);
  const sender = createHttpSender({
    timeoutMs,
    ca,
    egress: createEgress(USER, settings, timeoutMs),
    lookup: privateAddresses ? lookup : createPublicLookup(lookup),
  });
  const findRule = ({ host }: URL) => hosts.find((rule) => rule.matches(host));
  const read = (tokenData: string) => {
    const subscription = parseSubscription(tokenData);
    const rule = subscription && findRule(subscription.endpoint);
    return rule && { ...subscription, rule };
  };

  return {
    types,
    validate: (tokenData) => read(tokenData) !== undefined,
    explainDecline: (tokenData) =>
      parseSubscription(tokenData) === undefined ? 'subscription_invalid' : 'host_not_listed',
    destination(tokenData) {
      const endpoint = readEndpoint(tokenData);
      if (endpoint === undefined) return {};
      return { service: findRule(endpoint)?.entry ?? '', host: endpoint.host, device: endpoint.href };
    },
    notify: ({ tokenData, signal }) =>
      runPush(async () => {
        const found = read(tokenData);
        if (found === undefined) return { outcome: 'rejected', code: 'subscription_invalid' };
        const { endpoint, keys, rule } = found;
        // The library encrypts and signs, and does not send: its sending has no time limit, no signal and no limit for
        // the response, and parses the endpoint by other rules.
        const loading = webPush.load(USER);
        if (loading !== undefined) await loading;
        const { headers, body } = webPush.module.generateRequestDetails({ endpoint: endpoint.href, keys }, PAYLOAD, {
          vapidDetails: { subject, publicKey, privateKey },
          TTL: PUSH_TTL_SECONDS,
          urgency: 'high',
          contentEncoding: 'aes128gcm',
        });
        const response = await sender.post(endpoint, { headers, body, signal }).catch((error) => rethrow(error, rule));
        return toOutcome(response, [404, 410], clock());
      }),
    close: async () => sender.close(),
  };
}

/**
 * Turns errors that a retry cannot fix into `rejected`: a private address, or an unknown name under a `*.` entry, which
 * the device made up. Slow lookups probably concern made-up names, so a busy resolver counts against the token.
 */
function rethrow(error: unknown, { isWildcard }: HostRule): never {
  const code = error instanceof PushFailure ? error.code : undefined;
  if (code !== undefined && (code === PRIVATE_ADDRESS || (isWildcard && code === 'ENOTFOUND'))) {
    throw new PushFailure({ outcome: 'rejected', code });
  }
  // The proxy may not know a name that the device made up.
  const isUnknownToProxy = isWildcard && code?.startsWith('proxy_http_') === true;
  if (code !== undefined && (code === LOOKUPS_BUSY || isUnknownToProxy))
    throw new PushFailure({ ...createRetry(code), fault: 'token' });
  throw error;
}

function isPair(publicKey: string, privateKey: string): boolean {
  const curve = createECDH('prime256v1');
  try {
    curve.setPrivateKey(privateKey, 'base64url');
    return curve.getPublicKey('base64url') === publicKey;
  } catch {
    // The key is zero or exceeds the order of the curve.
    return false;
  }
}
