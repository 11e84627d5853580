import {
  DEVICE_ATTESTATION,
  DEVICE_CLAIM,
  KNOWN_VERSION,
  RECEIVER,
  REQUEST_ID,
  VERSION,
} from '../../protocol/header-names.js';
import type { HeaderField, HeaderSource } from '../request.js';

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
].join(', ');

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

/** CORS for the origins of the option `cors.origins`. */
export function createCors(origins: readonly string[]): Cors {
  if (origins.length === 0) return () => NO_HEADERS;
  const any = origins.includes('*');
  const allowed = new Set(origins);
  const vary = any ? NO_HEADERS : [VARY_ORIGIN];
  return (source, methods) => {
    const origin = source.header('Origin');
    if (origin === undefined || !(any || allowed.has(origin))) return vary;
    const allowOrigin: HeaderField = ['Access-Control-Allow-Origin', any ? '*' : origin];
    if (methods === undefined || source.header('Access-Control-Request-Method') === undefined) {
      return [...vary, allowOrigin, ['Access-Control-Expose-Headers', EXPOSED_HEADERS]];
    }
    return [
      ...vary,
      allowOrigin,
      ['Access-Control-Allow-Methods', methods],
      ['Access-Control-Allow-Headers', REQUEST_HEADERS],
      ['Access-Control-Max-Age', PREFLIGHT_SECONDS],
    ];
  };
}
