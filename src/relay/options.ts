import type { StoreOption } from '../../adapters/store/from-option.js';
import type { AccessRights } from '../protocol/access-rights.js';
import type { BodyLimits } from '../protocol/bodies.js';
import type { AuthenticationHook, AuthenticationHooks, AuthorizationHook } from './auth/contract.js';
import type { RelayEvent } from './events.js';
import type { ServerKey } from './mailbox/server-keys.js';
import type { Notifier } from './notify/contract.js';
import type { LifetimePolicy } from './operations/lifetime.js';
import type { AppLinkOptions, AppLinkSettings, PreviewOptions, PreviewSettings } from './preview/options.js';
import type { PublicUrl } from './public-url.js';

/** What {@link createRelay} takes. Everything but `publicUrl` has a default. */
export interface RelayOptions {
  /**
   * The public URL of the mount point, path included, such as `https://example.com/relay`. `urlLink` is built from it,
   * never from a request. https, or http on loopback names; with https every request must have come over TLS. Its host
   * and path are of unreserved characters (A-Z a-z 0-9 - . _ ~), as devices take no other links.
   */
  readonly publicUrl: string | URL;
  /**
   * The path under which this server sees the relay: the full path of a request, as it arrived, must begin with it, or
   * the request is left to the host. `/` where a proxy or the host strips the prefix. Default: the path of `publicUrl`.
   */
  readonly mountPath?: string | undefined;
  /**
   * Where mailboxes are kept: `storeFromUrl(url)`, a Keyv, a Keyv storage adapter, a Map, or a MailboxStore. Default:
   * the memory of this process.
   */
  readonly store?: StoreOption | undefined;
  /**
   * Server keys, 32 random bytes each, or their base64url text: the current one first, then previous ones that may
   * still have mailboxes. With keys every record is sealed at rest. Required for every store but memory.
   */
  readonly keys?: ReadonlyArray<Uint8Array | string> | undefined;
  /**
   * Who may ask. One hook guards creating; an object names hooks by operation, and `default` stands for every operation
   * of a device that is not named. Without a hook on create the relay is open, as the drafts allow, and warns of it.
   */
  readonly authenticate?: AuthenticationHook | AuthenticationHooks | undefined;
  /** Has the last word on every operation of a device, once its role is known. Default: none. */
  readonly authorize?: AuthorizationHook | undefined;
  /** Milliseconds that `authenticate` may take, and `authorize` as well; then 503. Default 3,000. */
  readonly hookTimeoutMs?: number | undefined;
  /** Who tells devices that their mailbox changed, one for each type of notification token. Default: none. */
  readonly notifiers?: readonly Notifier[] | undefined;
  /** Long polls (PROTOCOL: waiting). */
  readonly longPoll?:
    | {
        /** Most seconds that a read is held; keep it below what the proxies on the way allow. Default 50. */
        readonly maximumSeconds?: number | undefined;
        /** Most reads that are held at once by this process; what is more is answered at once. Default 10,000. */
        readonly maximumWaiters?: number | undefined;
        /**
         * Most reads that are held at once for one connection; what is more is answered at once. Matters for HTTP/2,
         * where one connection carries many requests: set it higher behind a proxy that speaks HTTP/2 to this server.
         * Default 100.
         */
        readonly maximumPerConnection?: number | undefined;
        /**
         * Milliseconds between two looks at a mailbox that is waited for, in case nobody told of its change. Default
         * 10,000, or 1,500 with a store whose processes cannot tell each other.
         */
        readonly pollMs?: number | undefined;
      }
    | undefined;
  /** First part of every key of the store, `[A-Za-z0-9_-]{1,32}`. Default `relay`. */
  readonly namespace?: string | undefined;
  /**
   * Whether create, update, relinquish and delete must bring a Mailbox-Request-ID (TIGRESS) or may leave it out (SCT).
   * Default `required`.
   */
  readonly requestId?: 'required' | 'optional' | undefined;
  /** How long mailboxes live. */
  readonly lifetime?:
    | {
        /** Seconds for a create that names no expiration. Default 172,800 (48 h), or the maximum if that is less. */
        readonly defaultSeconds?: number | undefined;
        /** Most seconds that a create may ask for. Default 2,592,000 (30 days). */
        readonly maximumSeconds?: number | undefined;
        /** What a longer wish gets: a 400 that names the maximum (default), or the maximum. */
        readonly overMaximum?: 'reject' | 'clamp' | undefined;
      }
    | undefined;
  /** Rights of a mailbox whose create names none. Default `RD`, the drafts' own. */
  readonly accessRights?: AccessRights | undefined;
  /** Bounds of what a device may send. */
  readonly limits?:
    | {
        /** Bytes of a request body. Default 65,536. */
        readonly bodyBytes?: number | undefined;
        /** Characters of the title. Default 200. */
        readonly titleCharacters?: number | undefined;
        /** Characters of the description. Default 500. */
        readonly descriptionCharacters?: number | undefined;
        /** Characters of the imageURL. Default 2,048. */
        readonly imageUrlCharacters?: number | undefined;
      }
    | undefined;
  /** The page behind a share URL: name, colour, logo, links to apps, language. */
  readonly preview?: PreviewOptions | undefined;
  /** The apps that share URLs open in. Published by `relay.wellKnown()`. Default: none. */
  readonly appLinks?: AppLinkOptions | undefined;
  /** Browser origins that may use the relay, such as `https://app.example`; `*` for any. Default: none, CORS is off. */
  readonly cors?: { readonly origins: readonly string[] } | undefined;
  /** True: a request whose X-Forwarded-Proto is https counts as TLS. Only behind a proxy that sets it. Default false. */
  readonly trustProxy?: boolean | undefined;
  /** Milliseconds that one call to the store may take. Default 2,000. */
  readonly storeTimeoutMs?: number | undefined;
  /** Milliseconds that one request may spend on the store in all, retries included. Default 3,000. */
  readonly storeBudgetMs?: number | undefined;
  /** Milliseconds between two sweeps of a store without native expiry. Default 30,000, at most 50,000. */
  readonly sweepIntervalMs?: number | undefined;
  /** Hears every event. */
  readonly onEvent?: ((event: RelayEvent) => void) | undefined;
  /** Unix time in ms. Default `Date.now`. For tests. */
  readonly clock?: (() => number) | undefined;
}

/** The options, checked, with every default filled in. */
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
  readonly corsOrigins: readonly string[];
  readonly trustProxy: boolean;
  readonly storeTimeoutMs: number;
  readonly storeBudgetMs: number;
  readonly sweepIntervalMs: number;
  readonly onEvent: ((event: RelayEvent) => void) | undefined;
  readonly clock: () => number;
}
