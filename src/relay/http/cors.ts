import {
  DEVICE_ATTESTATION,
  DEVICE_CLAIM,
  KNOWN_VERSION,
  RECEIVER,
  REQUEST_ID,
  VERSION,
} from '../../protocol/header-names.js';
import type { HeaderField, HeaderSource } from '../request.js';
import type { CorsSettings } from './cors-options.js';

/** Headers that a browser may send: the headers of the protocol and of authentication schemes. */
const REQUEST_HEADERS = [
  'Authorization',
  'DPoP',
  'OAuth-Client-Attestation',
  'OAuth-Client-Attestation-PoP',
  'Content-Type',
  REQUEST_ID,
  DEVICE_CLAIM,
  DEVICE_ATTESTATION,
  KNOWN_VERSION,
  'Prefer',
];

/** Headers that a browser shows to scripts only if they are listed here. */
const EXPOSED_HEADERS = [
  REQUEST_ID,
  VERSION,
  RECEIVER,
  // Clients compare expirations with this clock.
  'Date',
  'Preference-Applied',
  'Retry-After',
  'WWW-Authenticate',
  'DPoP-Nonce',
  'OAuth-Client-Attestation-Challenge',
].join(', ');

const PREFLIGHT_SECONDS = '7200';

/**
 * The CORS headers of an answer; empty if CORS is off. Credentials are never allowed. `methods` are the methods of the
 * path, for the answer to a preflight.
 */
export type Cors = (source: HeaderSource, methods?: string) => readonly HeaderField[];

const VARY_ORIGIN: HeaderField = ['Vary', 'Origin'];
const NO_HEADERS: readonly HeaderField[] = [];

/** Answers to a preflight depend on the requested names if the option `cors.headers` has a beginning of names. */
const VARY_PREFLIGHT: HeaderField = ['Vary', 'Origin, Access-Control-Request-Headers'];

/** CORS by the option `cors`. */
export function createCors(settings: CorsSettings | undefined): Cors {
  if (settings === undefined) return () => NO_HEADERS;
  const { anyOrigin, origins, wildcards } = settings;
  const exact = new Set(origins);
  const isAllowed = (origin: string): boolean =>
    anyOrigin || exact.has(origin) || wildcards.some((wildcard) => wildcard.test(origin));
  const vary = anyOrigin ? NO_HEADERS : [VARY_ORIGIN];
  return (source, methods) => {
    const origin = source.header('Origin');
    if (origin === undefined || !isAllowed(origin)) return vary;
    const allowOrigin: HeaderField = ['Access-Control-Allow-Origin', anyOrigin ? '*' : origin];
    if (methods === undefined || source.header('Access-Control-Request-Method') === undefined) {
      return [...vary, allowOrigin, ['Access-Control-Expose-Headers', EXPOSED_HEADERS]];
    }
    return [
      ...(settings.headerPrefixes.length === 0 ? vary : [VARY_PREFLIGHT]),
      allowOrigin,
      ['Access-Control-Allow-Methods', methods],
      ['Access-Control-Allow-Headers', listAllowedHeaders(settings, source).join(', ')],
      ['Access-Control-Max-Age', PREFLIGHT_SECONDS],
    ];
  };
}

/** Most names that a preflight gets back. A browser asks for the few headers of one request. */
const MAXIMUM_ECHOED_NAMES = 100;

/** The headers of the protocol, the named ones, and those requested whose beginning is allowed. */
function listAllowedHeaders({ headers, headerPrefixes }: CorsSettings, source: HeaderSource): readonly string[] {
  const requested =
    headerPrefixes.length === 0 ? [] : (source.header('Access-Control-Request-Headers') ?? '').split(',');
  const echoed = requested
    .slice(0, MAXIMUM_ECHOED_NAMES)
    .map((name) => name.trim())
    .filter((name) => HEADER_NAME.test(name))
    .filter((name) => headerPrefixes.some((prefix) => name.toLowerCase().startsWith(prefix)));
  return [...REQUEST_HEADERS, ...headers, ...echoed];
}

/** A field name (RFC 9110 §5.1). */
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
