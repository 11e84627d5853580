import { z } from 'zod';
import { describeStoreFault } from '../../adapters/store/describe-store-fault.js';
import type { StoreOption } from '../../adapters/store/from-option.js';
import { DEFAULT_RIGHTS, isAccessRights } from '../protocol/access-rights.js';
import { type AuthenticationHook, type AuthorizationHook, findFactoryName } from './auth/contract.js';
import { clockOption } from './clock-option.js';
import type { RelayEvent } from './events.js';
import { corsOption } from './http/cors-options.js';
import { keysOption } from './keys-option.js';
import type { Notifier } from './notify/contract.js';
import type { RelayOptions, Settings } from './options.js';
import { parseOptions } from './parse-options.js';
import { appLinksOption, previewOption } from './preview/options.js';
import { parsePublicUrl } from './public-url.js';

const DAY_SECONDS = 24 * 60 * 60;

type Unit = 'milliseconds' | 'seconds' | 'bytes' | 'characters' | 'reads';

/** A whole number. The bounds exclude values that can only be meant in another unit. */
function wholeNumber(minimum: number, maximum: number, unit: Unit): z.ZodInt {
  return z
    .int(`must be a whole number of ${unit}`)
    .min(minimum, `must be at least ${minimum}: the unit is ${unit}`)
    .max(maximum, `must be at most ${maximum}: the unit is ${unit}`);
}

/** A time-out or a period. A value below 20 ms is meant in seconds. */
const milliseconds = (maximum: number): z.ZodInt => wholeNumber(20, maximum, 'milliseconds');

/** A lifetime of a mailbox. A longer one is meant in milliseconds. */
const lifetimeSeconds = wholeNumber(1, 366 * DAY_SECONDS, 'seconds');

const characters = wholeNumber(1, 65_536, 'characters');
const reads = wholeNumber(1, 1_000_000, 'reads');

/** Segments of the path characters of RFC 3986 §3.3. No segment is empty, `.` or `..`. */
const MOUNT_PATH = /^(\/(?!\.{1,2}(\/|$))([\w.~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+)*\/?$/;

const callback = <Callback>(): z.ZodType<Callback | undefined> =>
  z.custom<Callback>((value) => typeof value === 'function', 'must be a function').optional();

/** The mistake in a value in place of a hook; `undefined` for a hook. */
function describeHookFault(value: unknown): string | undefined {
  if (typeof value !== 'function') return 'must be a function';
  const factory = findFactoryName(value);
  return factory === undefined ? undefined : `is the function ${factory} itself: call it, as ${factory}(…)`;
}

const hook = z
  .custom<AuthenticationHook>((value) => describeHookFault(value) === undefined, {
    error: ({ input }) => describeHookFault(input),
  })
  .optional();

/** Hooks of `authenticate` that this package creates have `metadata`. As `authorize` they would fail every request. */
function describeAuthorizeFault(value: unknown): string | undefined {
  const isAuthentication = typeof value === 'function' && 'metadata' in value;
  return isAuthentication ? 'is an authentication hook: pass it as authenticate' : describeHookFault(value);
}

const authorizeOption = z
  .custom<AuthorizationHook>((value) => describeAuthorizeFault(value) === undefined, {
    error: ({ input }) => describeAuthorizeFault(input),
  })
  .optional();

const AUTHENTICATE_RULE = 'must be a function, or an object with a function per operation';

const authenticateOption = z
  .preprocess(
    (value, context) => {
      const isFactory = typeof value === 'function' && describeHookFault(value) !== undefined;
      if (!isFactory) return typeof value === 'function' ? { create: value } : value;
      context.addIssue(describeHookFault(value) ?? AUTHENTICATE_RULE);
      return z.NEVER;
    },
    z.strictObject(
      { create: hook, preview: hook, read: hook, update: hook, relinquish: hook, delete: hook, default: hook },
      {
        error: ({ input }) =>
          Array.isArray(input) ? `${AUTHENTICATE_RULE}; combine hooks with allOf(…) or anyOf(…)` : AUTHENTICATE_RULE,
      },
    ),
  )
  .prefault({});

const NOTIFIER_RULE = 'must be a notifier: an object with types and notify';

/** The methods of a notifier that may be absent. */
const NOTIFIER_METHODS = ['validate', 'explainDecline', 'destination', 'close'] as const satisfies (keyof Notifier)[];

/** The mistake in a value in place of a notifier; `undefined` for a notifier. */
function describeNotifierFault(value: unknown): string | undefined {
  if (typeof value === 'function') return 'is a function: call it, such as webhookNotifier({ … })';
  if (typeof value !== 'object' || value === null) return NOTIFIER_RULE;
  const types: unknown = Reflect.get(value, 'types');
  if (typeof Reflect.get(value, 'notify') !== 'function' || !Array.isArray(types)) return NOTIFIER_RULE;
  if (types.length === 0) return 'must name at least one type of tokens in types';
  if (!types.every((type) => typeof type === 'string' && type !== '')) return 'must have texts only in types';
  const wrong = NOTIFIER_METHODS.find((name) => !['function', 'undefined'].includes(typeof Reflect.get(value, name)));
  return wrong === undefined ? undefined : `must have a function in ${wrong}, or none`;
}

const notifier = z.custom<Notifier>((value) => describeNotifierFault(value) === undefined, {
  error: ({ input }) => describeNotifierFault(input),
});

function haveDistinctTypes(notifiers: readonly Notifier[]): boolean {
  const types = notifiers.flatMap((each) => each.types);
  return new Set(types).size === types.length;
}

const options = z.strictObject({
  publicUrl: z
    .custom<string | URL>((value) => typeof value === 'string' || value instanceof URL, {
      error: ({ input }) =>
        input === undefined ? 'is required, such as https://example.com/relay' : 'must be a URL, as a string',
    })
    .transform(parsePublicUrl),
  mountPath: z
    .string()
    .regex(MOUNT_PATH, 'must be an encoded path such as /relay, or / for the root, and not a URL')
    .refine(
      (path) => !/\/v1(\/m(\/[^/]*)?)?\/?$/i.test(path),
      'must be the path of the mount point: omit /v1/m, which the relay adds',
    )
    .refine((path) => !/\/(:|\*|\(|.*[*]$)/.test(path), 'must be a path, not the pattern of a router: omit * and :name')
    .transform((path) => path.replace(/\/$/, ''))
    .optional(),
  store: z
    .custom<StoreOption>((value) => describeStoreFault(value) === undefined, {
      error: ({ input }) => describeStoreFault(input),
    })
    .optional(),
  keys: keysOption,
  authenticate: authenticateOption,
  authorize: authorizeOption,
  hookTimeoutMs: milliseconds(60_000).default(3_000),
  notifiers: z
    .array(notifier, 'must be an array of notifiers: [notifier]')
    .refine(haveDistinctTypes, 'must be notifiers for different types')
    .default([]),
  longPoll: z
    .strictObject({
      maximumSeconds: wholeNumber(1, 3_600, 'seconds').default(50),
      maximumWaiters: reads.default(10_000),
      maximumPerConnection: reads.default(100),
      pollMs: milliseconds(600_000).optional(),
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
      defaultSeconds: lifetimeSeconds.optional(),
      maximumSeconds: lifetimeSeconds.default(30 * DAY_SECONDS),
      overMaximum: z.enum(['reject', 'clamp'], "must be 'reject' or 'clamp'").default('reject'),
    })
    .refine(({ defaultSeconds = 1, maximumSeconds }) => defaultSeconds <= maximumSeconds, {
      message: 'must be at most lifetime.maximumSeconds (30 days by default)',
      path: ['defaultSeconds'],
    })
    .transform(({ defaultSeconds, ...lifetime }) => ({
      ...lifetime,
      defaultSeconds: defaultSeconds ?? Math.min(2 * DAY_SECONDS, lifetime.maximumSeconds),
    }))
    .prefault({}),
  accessRights: z
    .string("must be a string, such as 'RWD'")
    .refine(isAccessRights, "must be one to three of the letters R, W and D, each at most once, such as 'RWD'")
    .default(DEFAULT_RIGHTS),
  limits: z
    .strictObject({
      bodyBytes: wholeNumber(256, 64 * 1_048_576, 'bytes').default(65_536),
      titleCharacters: characters.default(200),
      descriptionCharacters: characters.default(500),
      imageUrlCharacters: characters.default(2_048),
    })
    .prefault({}),
  preview: previewOption,
  appLinks: appLinksOption,
  cors: corsOption,
  trustProxy: z.boolean('must be true or false').default(false),
  storeTimeoutMs: milliseconds(60_000).optional(),
  storeBudgetMs: milliseconds(60_000).default(3_000),
  sweepIntervalMs: milliseconds(50_000).default(30_000),
  onEvent: callback<(event: RelayEvent) => void>(),
  clock: clockOption.optional(),
});

const schema = options
  .refine(({ storeTimeoutMs = 0, storeBudgetMs }) => storeTimeoutMs <= storeBudgetMs, {
    message: 'must be at most storeBudgetMs (3000 by default), the time of all store calls of one request',
    path: ['storeTimeoutMs'],
  })
  .transform(({ storeTimeoutMs, ...settings }) => ({
    ...settings,
    storeTimeoutMs: storeTimeoutMs ?? Math.min(2_000, settings.storeBudgetMs),
  }));

/**
 * Validates the options, and fills in the defaults. Throws a TypeError that starts with the path of the wrong option.
 * An unknown option is an error.
 */
export function resolveOptions(options: RelayOptions): Settings {
  const { requestId, clock, ...settings } = parseOptions('', schema, options);
  return {
    ...settings,
    requestIdRequired: requestId === 'required',
    clock: clock ?? Date.now,
    cors: settings.cors,
    store: settings.store,
    mountPath: settings.mountPath,
    authorize: settings.authorize,
    onEvent: settings.onEvent,
  };
}
