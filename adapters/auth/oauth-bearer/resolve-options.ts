import type { ClientAuth, CustomFetch } from 'openid-client';
import { z } from 'zod';
import type { OperationName } from '../../../src/relay/events.js';
import { parseOptions } from '../../../src/relay/parse-options.js';
import { httpsUrl } from '../../shared/https-url.js';
import { createBoundedFetch } from '../shared/bounded-fetch.js';
import { DPOP_ALGORITHMS, type DpopPolicy, registerDpopPolicy } from '../shared/dpop.js';
import { fetchWithCa, retryOnClosedConnection } from '../shared/fetch-with-ca.js';
import { SIGNATURE_ALGORITHMS } from '../shared/jws.js';
import type { KeySetTimes } from '../shared/key-set.js';
import {
  algorithms,
  CA_WITH_FETCH,
  callback,
  keySetOptions,
  oneOf,
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
  z.strictObject(
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
    timeoutMs: wholeNumber(1, 60_000).default(2000),
    introspectionCacheSeconds: wholeNumber(0, 3600).default(30),
    introspectionCacheEntries: wholeNumber(1, 1_000_000).default(10_000),
    ...keySetOptions,
    dpop: oneOf(['optional', 'required', 'off']).default('optional'),
    dpopNonce: z.boolean().default(false),
    dpopAlgorithms: algorithms(DPOP_ALGORITHMS),
    dpopMaxAgeSeconds: wholeNumber(1, 3600).default(120),
    ca: texts.refine((list) => list.every((pem) => pem.includes('-----BEGIN')), 'must be PEM certificates').optional(),
    fetch: callback<CustomFetch>(),
  } satisfies Record<keyof OAuthBearerOptions, z.ZodType>)
  .superRefine((options, context) => {
    for (const [option, message] of findConflicts(options)) {
      context.addIssue({ code: 'custom', path: [option], message });
    }
  });

type ParsedOptions = z.output<typeof schema>;

function* findConflicts(options: ParsedOptions): Generator<[keyof OAuthBearerOptions, string]> {
  const { clientId, clientSecret, clientAuthentication, tokens, dpop, dpopNonce, ca, fetch } = options;
  if (clientId === undefined) {
    if (clientSecret !== undefined) yield ['clientSecret', 'requires clientId'];
    if (clientAuthentication !== undefined) yield ['clientAuthentication', 'requires clientId'];
    if (tokens === 'opaque' || tokens === 'both') yield ['clientId', `is required for tokens: '${tokens}'`];
  } else {
    if (tokens === 'jwt') yield ['clientId', "has no effect with tokens: 'jwt'"];
    const isSecret = clientAuthentication === undefined;
    if (isSecret && clientSecret === undefined) yield ['clientSecret', 'is required with clientId'];
    if (!isSecret && clientSecret !== undefined) yield ['clientSecret', 'has no effect with clientAuthentication'];
  }
  yield* findProfileConflicts(options);
  if (dpopNonce && dpop === 'off') yield ['dpopNonce', "has no effect with dpop: 'off'"];
  if (ca !== undefined && fetch !== undefined) yield ['ca', CA_WITH_FETCH];
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
    fetch: createBoundedFetch(retryOnClosedConnection(resolveFetch(parsed)), timeoutMs),
  };
}

function resolveClient({ clientId, clientSecret, clientAuthentication }: ParsedOptions): Client | undefined {
  if (clientId === undefined) return undefined;
  return { id: clientId, secret: clientSecret, authentication: clientAuthentication };
}

function resolveFetch({ fetch: custom, ca }: ParsedOptions): CustomFetch {
  if (custom !== undefined) return custom;
  // The global fetch is read at each call, since a host may replace it.
  return ca === undefined ? (url, init) => fetch(url, init as RequestInit) : fetchWithCa(ca);
}
