import type { StoreOption } from '../../adapters/store/from-option.js';
import type { AccessRights } from '../protocol/access-rights.js';
import type { BodyLimits } from '../protocol/bodies.js';
import type { AuthenticationHook, AuthenticationHooks, AuthorizationHook } from './auth/contract.js';
import type { RelayEvent } from './events.js';
import type { CorsSettings } from './http/cors-options.js';
import type { ServerKey } from './mailbox/keys.js';
import type { Notifier } from './notify/contract.js';
import type { LifetimePolicy } from './operations/lifetime.js';
import type { AppLinkOptions, AppLinkSettings, PreviewOptions, PreviewSettings } from './preview/options.js';
import type { PublicUrl } from './public-url.js';

/** Options of {@link createRelay}. Only `publicUrl` is required. */
export interface RelayOptions {
  /**
   * The public URL of the relay's mount point, including the path, such as `https://example.com/relay`. The relay
   * builds every share URL from this URL, never from the request.
   *
   * Must be an https URL, or an http URL with a loopback host name such as `localhost`. With https the relay refuses
   * requests that did not arrive over TLS; see `trustProxy`. Host and path may contain only the characters
   * `A-Z a-z 0-9 - . _ ~`, because devices accept no other links.
   */
  readonly publicUrl: string | URL;
  /**
   * The path under which this server receives requests for the relay. The relay leaves all other requests to the host.
   * Set it if a proxy or the host rewrites the path: `/` if the prefix is stripped. Default: the path of `publicUrl`.
   *
   * @example
   * // The proxy forwards https://example.com/relay/v1/m as /v1/m:
   * createRelay({ publicUrl: 'https://example.com/relay', mountPath: '/' });
   */
  readonly mountPath?: string | undefined;
  /**
   * The store of the mailboxes: `storeFromUrl(url)`, a Keyv, a Keyv storage adapter, a Map, or any
   * {@link MailboxStore}. Every store except memory requires `keys`. Default: the memory of this process, which loses
   * all mailboxes when the process ends.
   *
   * @see docs/stores.md
   */
  readonly store?: StoreOption | undefined;
  /**
   * The server keys, each 32 random bytes, or their base64url text. The relay encrypts records and derives mailbox
   * identifiers with the first key. The other keys are previous ones: keep them until the mailboxes created with them
   * have expired. Required for every store except memory. Default: none, and records are not encrypted.
   *
   * @example
   * // Create a key with: openssl rand -base64 32 | tr '+/' '-_' | tr -d '='
   * keys: [process.env.RELAY_KEY, process.env.PREVIOUS_RELAY_KEY]
   *
   * @see docs/stores.md, section "Rotating keys"
   */
  readonly keys?: ReadonlyArray<Uint8Array | string> | undefined;
  /**
   * Authenticates requests. A single hook guards only the creation of mailboxes. An object has one hook per operation;
   * `default` applies to every operation without its own hook. Default: none, so anyone may create mailboxes, as the
   * drafts allow; the relay then emits the warning `relay_open`.
   *
   * @example
   * authenticate: { create: oauthBearer({ issuer, audience }), default: allowAnonymous() }
   *
   * @see docs/authentication.md
   */
  readonly authenticate?: AuthenticationHook | AuthenticationHooks | undefined;
  /**
   * Authorizes every operation of a device, after authentication, once the role of the device is known. Default: none.
   *
   * @see docs/authentication.md
   */
  readonly authorize?: AuthorizationHook | undefined;
  /**
   * Timeout of the `authenticate` hook, and of the `authorize` hook, in ms. After the timeout the relay answers 503.
   * Default 3,000; 100 to 60,000.
   */
  readonly hookTimeoutMs?: number | undefined;
  /**
   * Notifiers that send pushes to devices after a change of their mailbox. Two notifiers must not handle the same type
   * of notification token. Default: none, so devices must read or wait.
   *
   * @see docs/notifications.md
   */
  readonly notifiers?: readonly Notifier[] | undefined;
  /**
   * Long polls: the relay holds a read until the mailbox changes (`Prefer: wait`).
   *
   * @see docs/protocol.md §8, RFC 7240 §4.3
   */
  readonly longPoll?:
    | {
        /**
         * Longest time that the relay holds a read, in seconds. Choose a value below the timeouts of your proxies.
         * Default 50; at most 3,600.
         */
        readonly maximumSeconds?: number | undefined;
        /**
         * Maximum number of reads that this process holds at the same time. The relay answers further reads at once.
         * Default 10,000; at most 1,000,000.
         */
        readonly maximumWaiters?: number | undefined;
        /**
         * Maximum number of reads that the relay holds at the same time per connection. The relay answers further reads
         * at once. Matters for HTTP/2, where one connection carries many requests: choose a larger value behind a proxy
         * that uses HTTP/2 to this server. Default 100; at most 1,000,000.
         */
        readonly maximumPerConnection?: number | undefined;
        /**
         * Time between two polls of a mailbox with held reads, in ms, in case a change notification is lost. Default
         * 10,000; 1,500 for a store without change notifications. 50 to 600,000.
         */
        readonly pollMs?: number | undefined;
      }
    | undefined;
  /**
   * Prefix of every key in the store, 1 to 32 of the characters `A-Z a-z 0-9 _ -`. Relays with different namespaces can
   * share one store. Default `relay`.
   */
  readonly namespace?: string | undefined;
  /**
   * Whether create, update, relinquish and delete require the header Mailbox-Request-ID, as in TIGRESS (`required`), or
   * not, as in Secure Credential Transfer (`optional`). Without the header the relay cannot recognise a retried
   * request. Default `required`.
   */
  readonly requestId?: 'required' | 'optional' | undefined;
  /** The lifetime of mailboxes. */
  readonly lifetime?:
    | {
        /**
         * Lifetime of a mailbox if its create contains no expiration, in seconds. Default 172,800 (48 hours), or
         * `maximumSeconds` if that is less. At least 60.
         */
        readonly defaultSeconds?: number | undefined;
        /** Longest lifetime, in seconds. Default 2,592,000 (30 days); 60 to 31,622,400 (366 days). */
        readonly maximumSeconds?: number | undefined;
        /**
         * How the relay handles an expiration after the maximum. `reject` answers 400 and names the maximum; `clamp`
         * uses the maximum. Default `reject`.
         */
        readonly overMaximum?: 'reject' | 'clamp' | undefined;
      }
    | undefined;
  /**
   * Access rights of the receiver if a create contains none: a subset of the letters `R` (read), `W` (write) and `D`
   * (delete). Default `RD`, the default of the drafts.
   */
  readonly accessRights?: AccessRights | undefined;
  /** Maximum sizes of the data that devices send. The relay answers 413 or 400 to larger data. */
  readonly limits?:
    | {
        /** Request body, in bytes. Default 65,536; 256 to 67,108,864 (64 MiB). */
        readonly bodyBytes?: number | undefined;
        /** `title`, in characters. Default 200; at most 65,536. */
        readonly titleCharacters?: number | undefined;
        /** `description`, in characters. Default 500; at most 65,536. */
        readonly descriptionCharacters?: number | undefined;
        /** `imageURL`, in characters. Default 2,048; at most 65,536. */
        readonly imageUrlCharacters?: number | undefined;
      }
    | undefined;
  /**
   * The page that a browser shows for a share URL: name, colour, logo, links to apps, and language. Default: a neutral
   * page.
   *
   * @see docs/preview.md
   */
  readonly preview?: PreviewOptions | undefined;
  /**
   * The apps that open share URLs. `relay.wellKnown()` publishes their association documents. Default: none.
   *
   * @see docs/preview.md, section "Opening the app"
   */
  readonly appLinks?: AppLinkOptions | undefined;
  /**
   * Lets browsers call the relay from pages of other origins. The relay never allows credentials (cookies). Default:
   * CORS is off.
   */
  readonly cors?:
    | {
        /**
         * The origins, such as `https://app.example`. `https://*.app.example` allows every subdomain of any depth, and
         * not `https://app.example` itself. `*` allows every origin.
         */
        readonly origins: readonly string[];
        /**
         * Names of request headers that browsers may send beside those of the protocol and of the authentication hooks.
         * An entry may end in `*`. Name the headers of your tracing and of your gateway, and the ones that you give to
         * the option `headers` of the client. Default: none.
         *
         * @example
         * headers: ['traceparent', 'tracestate', 'baggage', 'sentry-trace', 'x-datadog-*']
         */
        readonly headers?: readonly string[] | undefined;
      }
    | undefined;
  /**
   * True if a request with `X-Forwarded-Proto: https` counts as TLS. Set it only behind a proxy that always sets or
   * removes this header: otherwise a client can send the header itself. Default false.
   */
  readonly trustProxy?: boolean | undefined;
  /**
   * Timeout of one store call, in ms. After the timeout the relay answers 503. Default 2,000, or `storeBudgetMs` if that
   * is less; 100 to 60,000, and at most `storeBudgetMs`.
   */
  readonly storeTimeoutMs?: number | undefined;
  /**
   * Time that one request may spend on the store, in ms, including retries and waiting. After it the relay answers 503.
   * Default 3,000; 100 to 60,000.
   */
  readonly storeBudgetMs?: number | undefined;
  /**
   * Time between two sweeps, which erase expired mailboxes, in ms. Not used by stores that erase expired mailboxes
   * themselves. Default 30,000; 100 to 50,000.
   */
  readonly sweepIntervalMs?: number | undefined;
  /**
   * Receives every event, synchronously, for logs and metrics. Events contain no secrets. `relay.on` adds a listener
   * for one type of event. Default: none.
   *
   * @example
   * onEvent: (event) => logger.info(event)
   */
  readonly onEvent?: ((event: RelayEvent) => void) | undefined;
  /** Returns Unix time in ms. For tests. Default `Date.now`. */
  readonly clock?: (() => number) | undefined;
}

/** The validated options, with all defaults. */
export interface Settings {
  readonly publicUrl: PublicUrl;
  /** Without a trailing slash, empty for the root; `undefined` for the path of `publicUrl`. */
  readonly mountPath: string | undefined;
  readonly store: StoreOption | undefined;
  readonly keys: readonly ServerKey[];
  readonly authenticate: AuthenticationHooks;
  readonly authorize: AuthorizationHook | undefined;
  readonly hookTimeoutMs: number;
  readonly notifiers: readonly Notifier[];
  readonly longPoll: {
    readonly maximumSeconds: number;
    readonly maximumWaiters: number;
    readonly maximumPerConnection: number;
    readonly pollMs: number | undefined;
  };
  readonly namespace: string;
  readonly requestIdRequired: boolean;
  readonly lifetime: LifetimePolicy;
  readonly accessRights: AccessRights;
  readonly limits: BodyLimits;
  readonly preview: PreviewSettings;
  readonly appLinks: AppLinkSettings;
  readonly cors: CorsSettings | undefined;
  readonly trustProxy: boolean;
  readonly storeTimeoutMs: number;
  readonly storeBudgetMs: number;
  readonly sweepIntervalMs: number;
  readonly onEvent: ((event: RelayEvent) => void) | undefined;
  readonly clock: () => number;
}
