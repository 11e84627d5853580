import { createECDH } from 'node:crypto';
import { lookup as systemLookup } from 'node:dns';
import { Agent } from 'node:https';
import type { LookupFunction } from 'node:net';
import webPush from 'web-push';
import { z } from 'zod';
import type { Notifier } from '../../../src/relay/notify/contract.js';
import { parseOptions } from '../../../src/relay/parse-options.js';
import { createBoundedLookup, LOOKUPS_BUSY } from '../shared/bounded-lookup.js';
import { createHttpSender } from '../shared/http-sender.js';
import { commonOptions, type TrustedCertificates, tokenTypes } from '../shared/option-schemas.js';
import { createRetry, PUSH_TTL_SECONDS, PushFailure, runPush, toOutcome } from '../shared/outcome.js';
import { createPublicLookup, PRIVATE_ADDRESS } from '../shared/public-address.js';
import { type HostRule, parseHostRule, parseSubscription, readEndpoint } from './subscription.js';

/** What {@link webPushNotifier} takes. */
export interface WebPushNotifierOptions {
  /** Whom a push service may write to: a `mailto:` or https URL (RFC 8292 §2.1). */
  readonly subject: string;
  /** The VAPID public key, 65 bytes as base64url: what browsers get as `applicationServerKey`. */
  readonly publicKey: string;
  /** The VAPID private key, 32 bytes as base64url. */
  readonly privateKey: string;
  /**
   * The push services that pushes may go to: names, `*.` and a name, or IP addresses, with `:port` for other ports than
   * 443. Default: those of Chrome, Firefox, Edge and Safari.
   */
  readonly hosts?: readonly string[] | undefined;
  /** True: names may lead to private and loopback addresses. For a push service of your own network. Default false. */
  readonly privateAddresses?: boolean | undefined;
  /** Certificates trusted in place of the system's. */
  readonly ca?: TrustedCertificates | undefined;
  /**
   * Connects in place of the notifier's own agent, as through an egress proxy. One that resolves names by itself has to
   * see to private addresses by itself. Stays open on close.
   */
  readonly agent?: Agent | undefined;
  /** Resolves names in place of `dns.lookup`. */
  readonly lookup?: LookupFunction | undefined;
  /** Milliseconds for one push. Default 5,000, at most 60,000. */
  readonly timeoutMs?: number | undefined;
  /** Types of notification tokens. Default `['webpush']`. */
  readonly types?: readonly string[] | undefined;
  /** Unix time in ms. Default `Date.now`. For tests. */
  readonly clock?: (() => number) | undefined;
}

const PUSH_SERVICES = [
  'fcm.googleapis.com',
  'updates.push.services.mozilla.com',
  '*.notify.windows.com',
  'web.push.apple.com',
];

const vapidKey = (bytes: number) =>
  z
    .string('is required, as a text')
    .refine(
      (text) => /^[A-Za-z0-9_-]+$/.test(text) && Buffer.from(text, 'base64url').length === bytes,
      `must be ${bytes} bytes as base64url without padding`,
    );

const schema = z
  .strictObject(
    {
      subject: z.string('is required, as a text').refine(
        // Apple's service refuses localhost.
        (text) => URL.canParse(text) && /^(mailto|https):$/.test(new URL(text).protocol) && !/localhost/i.test(text),
        'must be a mailto: or https URL that is not of localhost',
      ),
      publicKey: vapidKey(65),
      privateKey: vapidKey(32),
      hosts: z
        .array(
          z
            .string('must be a text')
            .transform(parseHostRule)
            .refine((rule) => rule !== undefined, 'must be a host such as push.example, *.push.example, or with :port')
            .transform((rule) => rule as HostRule),
        )
        .min(1, 'must name at least one host')
        .prefault(PUSH_SERVICES),
      privateAddresses: z.boolean('must be true or false').default(false),
      agent: z.custom<Agent>((value) => value instanceof Agent, 'must be an Agent of node:https').optional(),
      lookup: z.custom<LookupFunction>((value) => typeof value === 'function', 'must be a function').optional(),
      types: tokenTypes.default(['webpush']),
      ...commonOptions,
    },
    'takes an object of options',
  )
  .refine(({ publicKey, privateKey }) => isPair(publicKey, privateKey), {
    message: 'must belong to the privateKey',
    path: ['publicKey'],
  });

/** The content of every push, the same for all, so that it tells nothing. */
const PAYLOAD = JSON.stringify({ hint: 'changed' });

/**
 * Sends pushes to browsers (RFC 8030), encrypted for each (RFC 8291) and signed by the relay (VAPID, RFC 8292). The token
 * is the JSON text of the browser's PushSubscription; the service worker gets `{"hint":"changed"}`, always the same.
 * Needs the package `web-push`.
 *
 * The endpoint comes from a device, and the relay posts to it. So it has to be https on a host of `hosts`; names must lead
 * to public addresses, judged on the addresses that are connected to; redirects are not followed, and answers not
 * read beyond 16 KiB. An IP address counts if it is on the list itself.
 *
 * | Push service | outcome |
 * | --- | --- |
 * | 2xx | sent |
 * | 404, 410 | gone |
 * | 429 | retry, with `Retry-After`; the fault is the token's |
 * | none, as 16 names are being looked up already | retry; the fault is the token's |
 * | 5xx; no answer in time, a cut connection | retry, with `Retry-After` |
 * | any other; a host off the list, a private address, a name below a `*.` that is not found | rejected |
 *
 * Throws a TypeError for an option that can never work.
 */
export function webPushNotifier(options: WebPushNotifierOptions): Notifier {
  const settings = parseOptions('webPushNotifier', schema, options);
  const { subject, publicKey, privateKey, hosts, privateAddresses, agent, timeoutMs, ca, types, clock } = settings;
  const lookup = createBoundedLookup(settings.lookup ?? systemLookup);
  const sender = createHttpSender({
    timeoutMs,
    ca,
    agent,
    lookup: privateAddresses ? lookup : createPublicLookup(lookup),
  });
  const ruleFor = ({ host }: URL) => hosts.find((rule) => rule.matches(host));
  const read = (tokenData: string) => {
    const subscription = parseSubscription(tokenData);
    const rule = subscription && ruleFor(subscription.endpoint);
    return rule && { ...subscription, rule };
  };

  return {
    types,
    validate: (tokenData) => read(tokenData) !== undefined,
    destination(tokenData) {
      const endpoint = readEndpoint(tokenData);
      if (endpoint === undefined) return {};
      return { service: ruleFor(endpoint)?.entry ?? '', host: endpoint.host, device: endpoint.href };
    },
    notify: ({ tokenData, signal }) =>
      runPush(async () => {
        const found = read(tokenData);
        if (found === undefined) return { outcome: 'rejected', code: 'subscription_invalid' };
        const { endpoint, keys, rule } = found;
        // Only the encryption and the signature are the library's: its own sending follows no deadline or signal, reads
        // answers without end, and parses the endpoint by other rules than ours.
        const { headers, body } = webPush.generateRequestDetails({ endpoint: endpoint.href, keys }, PAYLOAD, {
          vapidDetails: { subject, publicKey, privateKey },
          TTL: PUSH_TTL_SECONDS,
          urgency: 'high',
          contentEncoding: 'aes128gcm',
        });
        const answer = await sender
          .post(endpoint, { headers, body, signal })
          .catch((error) => throwOutcome(error, rule));
        return toOutcome(answer, [404, 410], clock());
      }),
    close: async () => sender.close(),
  };
}

/**
 * Rejects a push that another try would not help: a private address, or a name that a device made up. Look-ups that take
 * too long are most likely those of such names, and say nothing of a push service.
 */
function throwOutcome(error: unknown, { isWildcard }: HostRule): never {
  const code = error instanceof PushFailure ? error.code : undefined;
  if (code !== undefined && (code === PRIVATE_ADDRESS || (isWildcard && code === 'ENOTFOUND'))) {
    throw new PushFailure({ outcome: 'rejected', code });
  }
  if (code === LOOKUPS_BUSY) throw new PushFailure({ ...createRetry(code), fault: 'token' });
  throw error;
}

function isPair(publicKey: string, privateKey: string): boolean {
  const curve = createECDH('prime256v1');
  try {
    curve.setPrivateKey(privateKey, 'base64url');
    return curve.getPublicKey('base64url') === publicKey;
  } catch {
    // Zero, or beyond the order of the curve.
    return false;
  }
}
