import { z } from 'zod';
import type { AuthenticationHook, AuthenticationHooks, AuthorizationHook } from './auth/contract.js';
import type { RelayEvent } from './events.js';
import {
  type AppLinkOptions,
  type AppLinkSettings,
  appLinksOption,
  type PreviewOptions,
  type PreviewSettings,
  previewOption,
} from './http/preview-options.js';
import { SERVER_KEY_BYTES, type ServerKey, serverKey } from './mailbox/server-keys.js';
import type { Notifier } from './notify/contract.js';
import { type AccessRights, DEFAULT_RIGHTS, isAccessRights } from './protocol/access-rights.js';
import type { BodyLimits } from './protocol/bodies.js';
import type { LifetimePolicy } from './protocol/expiration.js';
import { type PublicUrl, parsePublicUrl } from './public-url.js';
import type { StoreOption } from './store/from-option.js';

/** What {@link createRelay} takes. Everything but `publicUrl` has a default. */
export interface RelayOptions {
  /**
   * The public URL of the mount point, path included, such as `https://example.com/relay`. `urlLink` is built from it,
   * never from a request. https, or http on loopback names; with https every request must have come over TLS.
   */
  readonly publicUrl: string | URL;
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
   * Who may ask. One hook guards creating; an object names hooks by operation, and `others` stands for every operation
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
  readonly waiting?:
    | {
        /** Most seconds that a read is held; keep it below what the proxies on the way allow. Default 50. */
        readonly maximumSeconds?: number | undefined;
        /** Most reads that are held at once by this process; what is more is answered at once. Default 10,000. */
        readonly maximumWaiters?: number | undefined;
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
        readonly beyondMaximum?: 'reject' | 'shorten' | undefined;
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
  readonly store: StoreOption | undefined;
  readonly keys: readonly ServerKey[];
  readonly authenticate: AuthenticationHooks;
  readonly authorize: AuthorizationHook | undefined;
  readonly hookTimeoutMs: number;
  readonly notifiers: readonly Notifier[];
  readonly waiting: {
    readonly maximumSeconds: number;
    readonly maximumWaiters: number;
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

const DAY_SECONDS = 24 * 60 * 60;

const count = (initial: number, maximum = Number.MAX_SAFE_INTEGER): z.ZodDefault<z.ZodInt> =>
  z
    .int('must be a whole number')
    .min(1, 'must be at least 1')
    .max(maximum, `must be at most ${maximum}`)
    .default(initial);

const callback = <Callback>(): z.ZodType<Callback | undefined> =>
  z.custom<Callback>((value) => typeof value === 'function', 'must be a function').optional();

const hook = callback<AuthenticationHook>();

const authenticateOption = z
  .preprocess(
    (value) => (typeof value === 'function' ? { create: value } : value),
    z.strictObject(
      { create: hook, preview: hook, read: hook, update: hook, relinquish: hook, delete: hook, others: hook },
      'must be a hook, or hooks by operation',
    ),
  )
  .prefault({});

const notifier = z.custom<Notifier>(
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    typeof Reflect.get(value, 'notify') === 'function' &&
    Array.isArray(Reflect.get(value, 'types')),
  'must be a notifier',
);

function haveTypesOfTheirOwn(notifiers: readonly Notifier[]): boolean {
  const types = notifiers.flatMap((each) => each.types);
  return new Set(types).size === types.length;
}

const serverKeyOption = z
  .custom<Uint8Array | string>()
  .transform((value) => (typeof value === 'string' ? Buffer.from(value, 'base64url') : value))
  .refine(
    (bytes) => bytes instanceof Uint8Array && bytes.length === SERVER_KEY_BYTES,
    `must be ${SERVER_KEY_BYTES} bytes, or their base64url text`,
  )
  .transform(serverKey);

const corsOrigin = z.string().refine(
  // Apps in a web view have origins of schemes of their own, of which URL knows no origin.
  (text) =>
    text === '*' ||
    (URL.canParse(text) && new URL(text).origin === text) ||
    /^(?!https?:)[a-z][a-z0-9+.-]*:\/\/[^/?#\s]+$/i.test(text),
  'must be an origin such as https://app.example, or *',
);

const schema = z.strictObject({
  publicUrl: z
    .custom<string | URL>((value) => typeof value === 'string' || value instanceof URL, 'is required, as a URL')
    .transform(parsePublicUrl),
  store: z.custom<StoreOption>((value) => typeof value === 'object' && value !== null, 'must be a store').optional(),
  keys: z
    .array(serverKeyOption, 'must be an array of keys')
    .min(1, 'must hold at least one key')
    .refine((keys) => new Set(keys.map(({ id }) => id)).size === keys.length, 'must not hold one key twice')
    .default([]),
  authenticate: authenticateOption,
  authorize: callback<AuthorizationHook>(),
  hookTimeoutMs: count(3_000, 60_000),
  notifiers: z
    .array(notifier, 'must be an array of notifiers')
    .refine(haveTypesOfTheirOwn, 'must not handle one type twice')
    .default([]),
  waiting: z
    .strictObject({
      maximumSeconds: count(50, 3_600),
      maximumWaiters: count(10_000, 1_000_000),
      pollMs: z
        .int('must be a whole number')
        .min(1, 'must be at least 1')
        .max(600_000, 'must be at most 600000')
        .optional(),
    })
    .transform(({ pollMs, ...waiting }) => ({ ...waiting, pollMs }))
    .prefault({}),
  namespace: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,32}$/, 'must be 1 to 32 of the characters A-Z a-z 0-9 _ -')
    .default('relay'),
  requestId: z.enum(['required', 'optional'], "must be 'required' or 'optional'").default('required'),
  lifetime: z
    .strictObject({
      defaultSeconds: z.int('must be a whole number').min(1, 'must be at least 1').optional(),
      maximumSeconds: count(30 * DAY_SECONDS, 36_500 * DAY_SECONDS),
      beyondMaximum: z.enum(['reject', 'shorten'], "must be 'reject' or 'shorten'").default('reject'),
    })
    .refine(({ defaultSeconds = 1, maximumSeconds }) => defaultSeconds <= maximumSeconds, {
      message: 'must not be above lifetime.maximumSeconds',
      path: ['defaultSeconds'],
    })
    .transform(({ defaultSeconds, ...lifetime }) => ({
      ...lifetime,
      defaultSeconds: defaultSeconds ?? Math.min(2 * DAY_SECONDS, lifetime.maximumSeconds),
    }))
    .prefault({}),
  accessRights: z
    .string()
    .refine(isAccessRights, 'must be a non-empty subset of the letters R, W and D')
    .default(DEFAULT_RIGHTS),
  limits: z
    .strictObject({
      bodyBytes: count(65_536),
      titleCharacters: count(200),
      descriptionCharacters: count(500),
      imageUrlCharacters: count(2_048),
    })
    .prefault({}),
  preview: previewOption,
  appLinks: appLinksOption,
  cors: z.strictObject({ origins: z.array(corsOrigin).min(1, 'must name at least one origin') }).optional(),
  trustProxy: z.boolean('must be true or false').default(false),
  storeTimeoutMs: count(2_000, 60_000),
  storeBudgetMs: count(3_000, 60_000),
  sweepIntervalMs: count(30_000, 50_000),
  onEvent: callback<(event: RelayEvent) => void>(),
  clock: callback<() => number>(),
});

/**
 * Checks options and fills in the defaults. Throws a TypeError that names the dotted path of the option at fault;
 * an option that does not exist is at fault.
 */
export function resolveOptions(options: RelayOptions): Settings {
  const result = schema.safeParse(options);
  if (!result.success) throw new TypeError(describe(result.error.issues[0]));
  const { requestId, cors, clock, ...settings } = result.data;
  return {
    ...settings,
    requestIdRequired: requestId === 'required',
    corsOrigins: cors?.origins ?? [],
    clock: clock ?? Date.now,
    store: settings.store,
    authorize: settings.authorize,
    onEvent: settings.onEvent,
  };
}

function describe(issue: z.core.$ZodIssue | undefined): string {
  if (issue === undefined) return 'options: invalid';
  const at = issue.path.join('.');
  if (issue.code !== 'unrecognized_keys') return `${at === '' ? 'options' : at}: ${issue.message}`;
  const name = [...issue.path, issue.keys[0]].join('.');
  return `${name}: there is no such option`;
}
