import type { ClientAuth, CustomFetch } from 'openid-client';
import { z } from 'zod';
import type { OperationName } from '../../../src/relay/events.js';
import { parseOptions } from '../../../src/relay/parse-options.js';
import { httpsUrl } from '../../shared/https-url.js';
import { UNSET_VARIABLE } from '../../shared/option-schemas.js';
import { createBoundedFetch } from '../shared/bounded-fetch.js';
import { DPOP_ALGORITHMS, type DpopPolicy, registerDpopPolicy } from '../shared/dpop.js';
import { retryOnClosedConnection, selectFetch } from '../shared/https-fetch.js';
import { SIGNATURE_ALGORITHMS } from '../shared/jws.js';
import type { KeySetTimes } from '../shared/key-set.js';
import {
  algorithms,
  callback,
  findFetchConflicts,
  keySetOptions,
  oneOf,
  requestOptions,
  text,
  texts,
  wholeNumber,
} from '../shared/option-schemas.js';
import { findEntraIssuerFault } from './entra.js';
import type { OAuthBearerOptions } from './options.js';
import { PROFILE_NAMES, PROFILES, type Profile } from './profiles.js';

/** The relay's own client, for introspection. `secret` is used without another `authentication`. */
interface Client {
  readonly id: string;
  readonly secret: string | undefined;
  readonly authentication: ClientAuth | undefined;
}

/** Checked options with defaults. Times are in ms. */
export interface Settings {
  readonly issuer: URL;
  readonly discovery: 'oidc' | 'oauth2';
  readonly profile: Profile;
  /** The accepted clients. `undefined`: all. */
  readonly apps: ReadonlySet<string> | undefined;
  /** `undefined`: the relay's resource identifier. */
  readonly audience: readonly string[] | undefined;
  readonly scopes: (operation: OperationName) => readonly string[];
  /** The union of the scopes of all operations. */
  readonly allScopes: readonly string[];
  readonly tokens: 'jwt' | 'opaque' | 'both';
  readonly client: Client | undefined;
  readonly algorithms: readonly string[];
  readonly toleranceMs: number;
  readonly timeoutMs: number;
  readonly explicitTimeoutMs: number | undefined;
  readonly introspection: { readonly cacheMs: number; readonly entries: number };
  readonly keys: KeySetTimes;
  readonly dpop: 'optional' | 'required' | 'off';
  readonly dpopNonce: boolean;
  readonly proofs: DpopPolicy;
  /** Limited in time, by `timeoutMs`, and in the size of responses. */
  readonly fetch: CustomFetch;
}

const issuer = httpsUrl
  .refine(({ username, password }) => username === '' && password === '', 'must not hold credentials')
  .refine(({ href }) => !/[?#]/.test(href), 'must not have a query or a fragment (RFC 8414 §2)')
  .refine(
    ({ pathname }) => !pathname.includes('/.well-known/'),
    'must be the issuer identifier, not the URL of its metadata',
  );

/** RFC 6749 §3.3: the characters of a scope token. */
const scopeList = z.array(
  z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'must be a scope, without spaces, quotes and backslashes'),
);

const SCOPE_LISTS = 'must be a list of scopes, or an object with a list per operation';

const scopes = z.preprocess(
  (value) => (Array.isArray(value) ? { default: value } : value),
  z
    .strictObject(
      {
        create: scopeList.optional(),
        preview: scopeList.optional(),
        read: scopeList.optional(),
        update: scopeList.optional(),
        relinquish: scopeList.optional(),
        delete: scopeList.optional(),
        default: scopeList.optional(),
      } satisfies Record<OperationName | 'default', z.ZodType>,
      SCOPE_LISTS,
    )
    .refine(
      (lists) => Object.values(lists).some((list) => list !== undefined) && lists.default?.length !== 0,
      'must name a scope; without this option the relay accepts every valid token',
    ),
);

const schema = z
  .strictObject({
    issuer,
    discovery: oneOf(['oidc', 'oauth2']).default('oidc'),
    audience: texts.refine((list) => list.length > 0, 'must not be empty').optional(),
    profile: oneOf(PROFILE_NAMES).default('rfc9068'),
    apps: z.array(text).min(1, 'must not be empty').optional(),
    scopes: scopes.optional(),
    tokens: oneOf(['jwt', 'opaque', 'both']).optional(),
    clientId: text.optional(),
    clientSecret: text.optional(),
    clientAuthentication: callback<ClientAuth>(),
    algorithms: algorithms(SIGNATURE_ALGORITHMS),
    introspectionCacheSeconds: wholeNumber(0, 3600).default(30),
    introspectionCacheEntries: wholeNumber(1, 1_000_000).default(10_000),
    ...keySetOptions,
    dpop: oneOf(['optional', 'required', 'off']).default('optional'),
    dpopNonce: z.boolean().default(false),
    dpopAlgorithms: algorithms(DPOP_ALGORITHMS),
    dpopMaxAgeSeconds: wholeNumber(1, 3600).default(120),
    ...requestOptions,
    fetch: callback<CustomFetch>(),
  } satisfies Record<keyof OAuthBearerOptions, z.ZodType>)
  .superRefine((options, context) => {
    for (const [option, message] of findConflicts(options)) {
      context.addIssue({ code: 'custom', path: [option], message });
    }
  });

type ParsedOptions = z.output<typeof schema>;

function* findConflicts(options: ParsedOptions): Generator<[keyof OAuthBearerOptions, string]> {
  const { clientId, clientSecret, clientAuthentication, tokens, dpop, dpopNonce } = options;
  if (clientId === undefined) {
    if (clientSecret !== undefined) yield ['clientSecret', 'requires clientId'];
    if (clientAuthentication !== undefined) yield ['clientAuthentication', 'requires clientId'];
    if (tokens === 'opaque' || tokens === 'both') yield ['clientId', `is required for tokens: '${tokens}'`];
  } else {
    if (tokens === 'jwt') yield ['clientId', "has no effect with tokens: 'jwt'"];
    const isSecret = clientAuthentication === undefined;
    if (isSecret && clientSecret === undefined) {
      const isUnset = Object.hasOwn(options, 'clientSecret');
      yield ['clientSecret', `is required with clientId${isUnset ? UNSET_VARIABLE : ''}`];
    }
    if (clientSecret !== clientSecret?.trim()) yield ['clientSecret', 'must not begin or end with white space'];
    if (!isSecret && clientSecret !== undefined) yield ['clientSecret', 'has no effect with clientAuthentication'];
  }
  yield* findProfileConflicts(options);
  if (dpopNonce && dpop === 'off') yield ['dpopNonce', "has no effect with dpop: 'off'"];
  yield* findFetchConflicts(options);
}

function* findProfileConflicts(options: ParsedOptions): Generator<[keyof OAuthBearerOptions, string]> {
  const { issuer, profile, audience, apps, tokens } = options;
  if (profile !== 'rfc9068' && tokens === 'opaque') yield ['profile', "has no effect with tokens: 'opaque'"];
  const fault = profile === 'entra' ? findEntraIssuerFault(issuer) : undefined;
  if (fault !== undefined) yield ['issuer', fault];
  if (profile === 'cognito' && apps === undefined && audience === undefined) {
    yield ['apps', 'is required for profile: cognito, whose tokens have no audience: name the ids of the app clients'];
  }
}

/** Throws a TypeError whose message begins with the path of the wrong option. */
export function resolveOptions(options: OAuthBearerOptions): Settings {
  const parsed = parseOptions('oauthBearer', schema, options);
  const { issuer, discovery, audience, scopes = {}, timeoutMs, clockToleranceSeconds, dpop, dpopNonce } = parsed;
  const client = resolveClient(parsed);
  return {
    // The relay compares an explicit limit with its own.
    explicitTimeoutMs: options.timeoutMs,
    ...{ issuer, discovery, audience, client, timeoutMs, dpop, dpopNonce },
    scopes: (operation) => scopes[operation] ?? scopes.default ?? [],
    allScopes: [...new Set(Object.values(scopes).flatMap((list) => list ?? []))],
    profile: PROFILES[parsed.profile],
    apps: parsed.apps === undefined ? undefined : new Set(parsed.apps),
    tokens: parsed.tokens ?? (client === undefined ? 'jwt' : 'both'),
    algorithms: parsed.algorithms,
    toleranceMs: clockToleranceSeconds * 1000,
    introspection: {
      cacheMs: parsed.introspectionCacheSeconds * 1000,
      entries: parsed.introspectionCacheEntries,
    },
    keys: {
      maxAgeMs: parsed.jwksMaxAgeSeconds * 1000,
      cooldownMs: parsed.jwksCooldownSeconds * 1000,
      staleMs: parsed.jwksStaleIfErrorSeconds * 1000,
      refreshTimeoutMs: timeoutMs,
    },
    proofs: registerDpopPolicy({
      algorithms: parsed.dpopAlgorithms,
      maxAgeSeconds: parsed.dpopMaxAgeSeconds,
      clockToleranceSeconds,
    }),
    fetch: createBoundedFetch(retryOnClosedConnection(selectFetch('oauthBearer', parsed)), timeoutMs),
  };
}

function resolveClient({ clientId, clientSecret, clientAuthentication }: ParsedOptions): Client | undefined {
  if (clientId === undefined) return undefined;
  return { id: clientId, secret: clientSecret, authentication: clientAuthentication };
}
