import { z } from 'zod';
import type { StoreOption } from '../../adapters/store/from-option.js';
import { DEFAULT_RIGHTS, isAccessRights } from '../protocol/access-rights.js';
import type { AuthenticationHook, AuthorizationHook } from './auth/contract.js';
import type { RelayEvent } from './events.js';
import { createServerKey, SERVER_KEY_BYTES } from './mailbox/server-keys.js';
import type { Notifier } from './notify/contract.js';
import type { RelayOptions, Settings } from './options.js';
import { parseOptions } from './parse-options.js';
import { appLinksOption, previewOption } from './preview/options.js';
import { parsePublicUrl } from './public-url.js';

const DAY_SECONDS = 24 * 60 * 60;

const count = (initial: number, maximum = Number.MAX_SAFE_INTEGER): z.ZodDefault<z.ZodInt> =>
  z
    .int('must be a whole number')
    .min(1, 'must be at least 1')
    .max(maximum, `must be at most ${maximum}`)
    .default(initial);

/** Segments of the characters that a path may hold as they are (RFC 3986 §3.3), none of them empty or dots. */
const MOUNT_PATH = /^(\/(?!\.{1,2}(\/|$))([\w.~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+)*\/?$/;

const callback = <Callback>(): z.ZodType<Callback | undefined> =>
  z.custom<Callback>((value) => typeof value === 'function', 'must be a function').optional();

const hook = callback<AuthenticationHook>();

const authenticateOption = z
  .preprocess(
    (value) => (typeof value === 'function' ? { create: value } : value),
    z.strictObject(
      { create: hook, preview: hook, read: hook, update: hook, relinquish: hook, delete: hook, default: hook },
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
  .transform(createServerKey);

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
  mountPath: z
    .string()
    .regex(MOUNT_PATH, 'must be a path as requests have it, such as /relay, or / for the root')
    .transform((path) => path.replace(/\/$/, ''))
    .optional(),
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
  longPoll: z
    .strictObject({
      maximumSeconds: count(50, 3_600),
      maximumWaiters: count(10_000, 1_000_000),
      maximumPerConnection: count(100, 1_000_000),
      pollMs: z
        .int('must be a whole number')
        .min(1, 'must be at least 1')
        .max(600_000, 'must be at most 600000')
        .optional(),
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
      defaultSeconds: z.int('must be a whole number').min(1, 'must be at least 1').optional(),
      maximumSeconds: count(30 * DAY_SECONDS, 36_500 * DAY_SECONDS),
      overMaximum: z.enum(['reject', 'clamp'], "must be 'reject' or 'clamp'").default('reject'),
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
