import { type ClientAuth, ClientSecretBasic, type CustomFetch } from 'openid-client';
import { isLoopbackName } from '../../../src/protocol/loopback.js';
import type { OperationName } from '../../../src/relay/events.js';
import { createBoundedFetch } from '../shared/bounded-fetch.js';
import { CLOCK_TOLERANCE_SECONDS } from '../shared/clock-tolerance.js';
import { DPOP_ALGORITHMS, type DpopPolicy, registerDpopPolicy } from '../shared/dpop.js';
import { fetchWithCa, retryOnClosedConnection } from '../shared/fetch-with-ca.js';
import { SIGNATURE_ALGORITHMS } from '../shared/jws.js';
import type { KeySetTimes } from '../shared/key-set.js';
import type { OAuthBearerOptions, OperationScopes } from './options.js';

/** Checked options, with the defaults filled in. Times are in milliseconds. */
export interface Settings {
  readonly issuer: URL;
  readonly discovery: 'oidc' | 'oauth2';
  /** `undefined`: the relay's resource identifier. */
  readonly audience: readonly string[] | undefined;
  readonly scopes: (operation: OperationName) => readonly string[];
  /** Every scope that some operation needs. */
  readonly allScopes: readonly string[];
  readonly tokens: 'jwt' | 'opaque' | 'both';
  readonly client: { readonly id: string; readonly authentication: ClientAuth } | undefined;
  readonly algorithms: readonly string[];
  readonly toleranceMs: number;
  readonly timeoutMs: number;
  readonly introspection: { readonly cacheMs: number; readonly entries: number };
  readonly keys: KeySetTimes;
  readonly dpop: 'optional' | 'required' | 'off';
  readonly dpopNonce: boolean;
  readonly proofs: DpopPolicy;
  /** Bounded in time, by `timeoutMs`, and in what it reads. */
  readonly fetch: CustomFetch;
}

const OPERATIONS = ['create', 'preview', 'read', 'update', 'relinquish', 'delete', 'default'];

const KNOWN: Record<keyof OAuthBearerOptions, true> = {
  ...{ issuer: true, discovery: true, audience: true, scopes: true, tokens: true, clientId: true, clientSecret: true },
  ...{ clientAuthentication: true, algorithms: true, clockToleranceSeconds: true, timeoutMs: true },
  ...{ introspectionCacheSeconds: true, introspectionCacheEntries: true, jwksMaxAgeSeconds: true },
  ...{ jwksCooldownSeconds: true, jwksStaleIfErrorSeconds: true, dpop: true, dpopNonce: true, dpopAlgorithms: true },
  ...{ dpopMaxAgeSeconds: true, ca: true, fetch: true },
};

/** Checks options. Throws a TypeError whose message begins with the path of the option at fault. */
export function resolveOptions(options: OAuthBearerOptions): Settings {
  if (typeof options !== 'object' || options === null) throw new TypeError('oauthBearer: needs options');
  // A misspelt `scopes` or `dpop` would leave the relay less guarded than its operator believes.
  for (const name of Object.keys(options)) if (!Object.hasOwn(KNOWN, name)) fail(name, 'is not an option');
  const client = clientOf(options);
  const tokens = oneOf('tokens', options.tokens, ['jwt', 'opaque', 'both'], client === undefined ? 'jwt' : 'both');
  if (tokens !== 'jwt' && client === undefined) fail('clientId', `is needed for tokens: '${tokens}'`);
  if (tokens === 'jwt' && client !== undefined) fail('clientId', "is of no use with tokens: 'jwt'");
  const scopes = scopesOf(options.scopes);
  const toleranceSeconds = within(
    'clockToleranceSeconds',
    options.clockToleranceSeconds,
    0,
    300,
    CLOCK_TOLERANCE_SECONDS,
  );
  const seconds = (name: keyof OAuthBearerOptions, least: number, most: number, otherwise: number): number =>
    within(name, options[name], least, most, otherwise) * 1000;
  const timeoutMs = within('timeoutMs', options.timeoutMs, 1, 60_000, 2000);
  return {
    issuer: issuerOf(options.issuer),
    discovery: oneOf('discovery', options.discovery, ['oidc', 'oauth2'], 'oidc'),
    audience: audienceOf(options.audience),
    scopes: (operation) => scopes[operation] ?? scopes.default ?? [],
    allScopes: [...new Set(Object.values(scopes).flat())],
    tokens,
    client,
    algorithms: algorithmsOf('algorithms', options.algorithms, SIGNATURE_ALGORITHMS),
    toleranceMs: toleranceSeconds * 1000,
    timeoutMs,
    introspection: {
      cacheMs: seconds('introspectionCacheSeconds', 0, 3600, 30),
      entries: within('introspectionCacheEntries', options.introspectionCacheEntries, 1, 1_000_000, 10_000),
    },
    keys: {
      maxAgeMs: seconds('jwksMaxAgeSeconds', 1, 86_400, 600),
      cooldownMs: seconds('jwksCooldownSeconds', 1, 3600, 5),
      staleMs: seconds('jwksStaleIfErrorSeconds', 0, 604_800, 0),
      refreshTimeoutMs: timeoutMs,
    },
    dpop: oneOf('dpop', options.dpop, ['optional', 'required', 'off'], 'optional'),
    dpopNonce: nonceOf(options),
    proofs: registerDpopPolicy({
      algorithms: algorithmsOf('dpopAlgorithms', options.dpopAlgorithms, DPOP_ALGORITHMS),
      maxAgeSeconds: within('dpopMaxAgeSeconds', options.dpopMaxAgeSeconds, 1, 3600, 120),
      clockToleranceSeconds: toleranceSeconds,
    }),
    fetch: createBoundedFetch(retryOnClosedConnection(fetchOf(options)), timeoutMs),
  };
}

function fail(option: string, rule: string): never {
  throw new TypeError(`oauthBearer.${option}: ${rule}`);
}

function issuerOf(value: unknown): URL {
  if (!(typeof value === 'string' || value instanceof URL) || !URL.canParse(String(value))) {
    return fail('issuer', 'must be an https URL');
  }
  const url = new URL(String(value));
  const trusted = url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackName(url.hostname));
  if (!trusted) return fail('issuer', 'must be an https URL; http is for loopback names only');
  if (url.username !== '' || url.password !== '') return fail('issuer', 'must not hold credentials');
  if (/[?#]/.test(String(value))) return fail('issuer', 'must not have a query or a fragment (RFC 8414 §2)');
  if (url.pathname.includes('/.well-known/'))
    return fail('issuer', 'is the issuer itself, not the URL of its metadata');
  return url;
}

function clientOf({ clientId, clientSecret, clientAuthentication }: OAuthBearerOptions): Settings['client'] {
  if (clientId === undefined) {
    if (clientSecret !== undefined) fail('clientSecret', 'is of no use without clientId');
    if (clientAuthentication !== undefined) fail('clientAuthentication', 'is of no use without clientId');
    return undefined;
  }
  if (typeof clientId !== 'string' || clientId === '') fail('clientId', 'must be a text');
  if (clientAuthentication !== undefined) {
    if (typeof clientAuthentication !== 'function') fail('clientAuthentication', 'must be a function');
    if (clientSecret !== undefined) fail('clientSecret', 'is of no use with clientAuthentication');
    return { id: clientId, authentication: clientAuthentication };
  }
  if (typeof clientSecret !== 'string' || clientSecret === '') return fail('clientSecret', 'must be a text');
  return { id: clientId, authentication: ClientSecretBasic(clientSecret) };
}

function audienceOf(value: unknown): readonly string[] | undefined {
  if (value === undefined) return undefined;
  const list = typeof value === 'string' ? [value] : value;
  return isTexts(list) && list.length > 0 ? [...list] : fail('audience', 'must be a text or a list of texts');
}

function scopesOf(value: OAuthBearerOptions['scopes']): OperationScopes {
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null) return fail('scopes', 'must be a list, or lists by operation');
  if (Array.isArray(value)) return { default: scopeList('scopes', value) };
  const lists = Object.entries(value).filter(([, list]) => list !== undefined);
  for (const [operation, list] of lists) {
    if (!OPERATIONS.includes(operation)) fail(`scopes.${operation}`, 'is not an operation');
    scopeList(`scopes.${operation}`, list);
  }
  return structuredClone(Object.fromEntries(lists));
}

function scopeList(path: string, list: unknown): readonly string[] {
  // The alphabet of a scope-token: RFC 6749 §3.3.
  if (!isTexts(list) || !list.every((scope) => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(scope))) {
    return fail(path, 'must be a list of scopes, each without spaces, quotes and backslashes');
  }
  return [...list];
}

function algorithmsOf(option: string, value: unknown, otherwise: readonly string[]): readonly string[] {
  if (value === undefined) return otherwise;
  if (!isTexts(value) || value.length === 0) return fail(option, 'must be a list of JWS algorithms');
  const strange = value.find((algorithm) => !SIGNATURE_ALGORITHMS.includes(algorithm));
  if (strange !== undefined)
    return fail(option, `only asymmetric algorithms can be accepted: ${SIGNATURE_ALGORITHMS.join(', ')}`);
  return [...value];
}

function nonceOf({ dpop, dpopNonce }: OAuthBearerOptions): boolean {
  if (dpopNonce !== undefined && typeof dpopNonce !== 'boolean') return fail('dpopNonce', 'must be true or false');
  if (dpopNonce === true && dpop === 'off') return fail('dpopNonce', "is of no use with dpop: 'off'");
  return dpopNonce === true;
}

function fetchOf({ ca, fetch: custom }: OAuthBearerOptions): CustomFetch {
  if (custom !== undefined) {
    if (typeof custom !== 'function') return fail('fetch', 'must be a function');
    if (ca !== undefined) return fail('ca', 'is of no use with fetch');
    return custom;
  }
  if (ca === undefined) return (url, init) => fetch(url, init as RequestInit);
  const list = typeof ca === 'string' ? [ca] : ca;
  if (!isTexts(list) || !list.every((pem) => pem.includes('-----BEGIN'))) {
    return fail('ca', 'must be PEM certificates');
  }
  return fetchWithCa(list);
}

function oneOf<Choice extends string>(option: string, value: unknown, choices: Choice[], otherwise: Choice): Choice {
  if (value === undefined) return otherwise;
  return choices.find((choice) => choice === value) ?? fail(option, `must be one of ${choices.join(', ')}`);
}

function within(option: string, value: unknown, least: number, most: number, otherwise: number): number {
  if (value === undefined) return otherwise;
  const valid = typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most;
  return valid ? value : fail(option, `must be a whole number from ${least} to ${most}`);
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((text) => typeof text === 'string' && text !== '');
}
