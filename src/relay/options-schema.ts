import { z } from 'zod';
import type { StoreOption } from '../../adapters/store/from-option.js';
import { DEFAULT_RIGHTS, isAccessRights } from '../protocol/access-rights.js';
import type { AuthenticationHook, AuthorizationHook } from './auth/contract.js';
import type { RelayEvent } from './events.js';
import { createServerKey, SERVER_KEY_BYTES } from './mailbox/keys.js';
import type { Notifier } from './notify/contract.js';
import type { RelayOptions, Settings } from './options.js';
import { parseOptions } from './parse-options.js';
import { appLinksOption, previewOption } from './preview/options.js';
import { parsePublicUrl } from './public-url.js';

const DAY_SECONDS = 24 * 60 * 60;

function wholeNumber(maximum = Number.MAX_SAFE_INTEGER): z.ZodInt {
  return z.int('must be a whole number').min(1, 'must be at least 1').max(maximum, `must be at most ${maximum}`);
}

/** Segments of the path characters of RFC 3986 §3.3. No segment is empty, `.` or `..`. */
const MOUNT_PATH = /^(\/(?!\.{1,2}(\/|$))([\w.~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+)*\/?$/;

const callback = <Callback>(): z.ZodType<Callback | undefined> =>
  z.custom<Callback>((value) => typeof value === 'function', 'must be a function').optional();

const hook = callback<AuthenticationHook>();

const authenticateOption = z
  .preprocess(
    (value) => (typeof value === 'function' ? { create: value } : value),
    z.strictObject(
      { create: hook, preview: hook, read: hook, update: hook, relinquish: hook, delete: hook, default: hook },
      'must be a function, or an object with a function per operation',
    ),
  )
  .prefault({});

const notifier = z.custom<Notifier>(
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    typeof Reflect.get(value, 'notify') === 'function' &&
    Array.isArray(Reflect.get(value, 'types')),
  'must be a notifier: an object with types and notify',
);

function haveDistinctTypes(notifiers: readonly Notifier[]): boolean {
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
  .transform(createServerKey);

const corsOrigin = z.string().refine(
  // Apps in a web view have origins with other schemes. The class URL has no origin for these.
  (text) =>
    text === '*' ||
    (URL.canParse(text) && new URL(text).origin === text) ||
    /^(?!https?:)[a-z][a-z0-9+.-]*:\/\/[^/?#\s]+$/i.test(text),
  'must be an origin such as https://app.example, or *',
);

const schema = z.strictObject({
  publicUrl: z
    .custom<string | URL>((value) => typeof value === 'string' || value instanceof URL, 'is required and must be a URL')
    .transform(parsePublicUrl),
  mountPath: z
    .string()
    .regex(MOUNT_PATH, 'must be an encoded path such as /relay, or / for the root')
    .transform((path) => path.replace(/\/$/, ''))
    .optional(),
  store: z.custom<StoreOption>((value) => typeof value === 'object' && value !== null, 'must be a store').optional(),
  keys: z
    .array(serverKeyOption, 'must be an array of keys')
    .min(1, 'must be an array with at least one key')
    .refine((keys) => new Set(keys.map(({ id }) => id)).size === keys.length, 'must be an array of different keys')
    .default([]),
  authenticate: authenticateOption,
  authorize: callback<AuthorizationHook>(),
  hookTimeoutMs: wholeNumber(60_000).default(3_000),
  notifiers: z
    .array(notifier, 'must be an array of notifiers')
    .refine(haveDistinctTypes, 'must be notifiers for different types')
    .default([]),
  longPoll: z
    .strictObject({
      maximumSeconds: wholeNumber(3_600).default(50),
      maximumWaiters: wholeNumber(1_000_000).default(10_000),
      maximumPerConnection: wholeNumber(1_000_000).default(100),
      pollMs: wholeNumber(600_000).optional(),
    })
    .transform(({ pollMs, ...longPoll }) => ({ ...longPoll, pollMs }))
    .prefault({}),
  namespace: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,32}$/, 'must be 1 to 32 of the characters A-Z a-z 0-9 _ -')
    .default('relay'),
  requestId: z.enum(['required', 'optional'], "must be 'required' or 'optional'").default('required'),
  lifetime: z
    .strictObject({
      defaultSeconds: wholeNumber().optional(),
      maximumSeconds: wholeNumber(36_500 * DAY_SECONDS).default(30 * DAY_SECONDS),
      overMaximum: z.enum(['reject', 'clamp'], "must be 'reject' or 'clamp'").default('reject'),
    })
    .refine(({ defaultSeconds = 1, maximumSeconds }) => defaultSeconds <= maximumSeconds, {
      message: 'must be at most lifetime.maximumSeconds',
      path: ['defaultSeconds'],
    })
    .transform(({ defaultSeconds, ...lifetime }) => ({
      ...lifetime,
      defaultSeconds: defaultSeconds ?? Math.min(2 * DAY_SECONDS, lifetime.maximumSeconds),
    }))
    .prefault({}),
  accessRights: z
    .string()
    .refine(isAccessRights, 'must be one to three of the letters R, W and D, each at most once')
    .default(DEFAULT_RIGHTS),
  limits: z
    .strictObject({
      bodyBytes: wholeNumber().default(65_536),
      titleCharacters: wholeNumber().default(200),
      descriptionCharacters: wholeNumber().default(500),
      imageUrlCharacters: wholeNumber().default(2_048),
    })
    .prefault({}),
  preview: previewOption,
  appLinks: appLinksOption,
  cors: z.strictObject({ origins: z.array(corsOrigin).min(1, 'must be an array with at least one origin') }).optional(),
  trustProxy: z.boolean('must be true or false').default(false),
  storeTimeoutMs: wholeNumber(60_000).default(2_000),
  storeBudgetMs: wholeNumber(60_000).default(3_000),
  sweepIntervalMs: wholeNumber(50_000).default(30_000),
  onEvent: callback<(event: RelayEvent) => void>(),
  clock: callback<() => number>(),
});

/**
 * Validates the options, and fills in the defaults. Throws a TypeError that starts with the path of the wrong option.
 * An unknown option is an error.
 */
export function resolveOptions(options: RelayOptions): Settings {
  const { requestId, cors, clock, ...settings } = parseOptions('', schema, options);
  return {
    ...settings,
    requestIdRequired: requestId === 'required',
    corsOrigins: cors?.origins ?? [],
    clock: clock ?? Date.now,
    store: settings.store,
    mountPath: settings.mountPath,
    authorize: settings.authorize,
    onEvent: settings.onEvent,
  };
}
