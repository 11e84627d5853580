import {
  DEVICE_ATTESTATION,
  DEVICE_CLAIM,
  KNOWN_VERSION,
  RECEIVER,
  REQUEST_ID,
  VERSION,
} from '../../protocol/header-names.js';
import type { HeaderSource } from '../request.js';

/** Request headers that a browser asks leave for: the protocol's, and those that hooks go by. */
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

/** Answer headers that a browser would otherwise hide. */
const EXPOSED_HEADERS = [
  REQUEST_ID,
  VERSION,
  RECEIVER,
  // The clock that expirations are counted by.
  'Date',
  'Preference-Applied',
  'Retry-After',
  'WWW-Authenticate',
  'DPoP-Nonce',
  'OAuth-Client-Attestation-Challenge',
].join(', ');

const PREFLIGHT_SECONDS = '7200';

/**
 * CORS headers of an answer, flat; credentials are never allowed. `preflight` is what the path takes, for a preflight.
 * Empty where CORS is off.
 */
export type Cors = (source: HeaderSource, preflight?: string) => readonly string[];

/** CORS for the origins of the option `cors.origins`. */
export function createCors(origins: readonly string[]): Cors {
  if (origins.length === 0) return () => [];
  const any = origins.includes('*');
  const allowed = new Set(origins);
  const vary = any ? [] : ['Vary', 'Origin'];
  return (source, preflight) => {
    const origin = source.header('Origin');
    if (origin === undefined || !(any || allowed.has(origin))) return vary;
    const headers = [...vary, 'Access-Control-Allow-Origin', any ? '*' : origin];
    if (preflight === undefined || source.header('Access-Control-Request-Method') === undefined) {
      return [...headers, 'Access-Control-Expose-Headers', EXPOSED_HEADERS];
    }
    return [
      ...headers,
      'Access-Control-Allow-Methods',
      preflight,
      'Access-Control-Allow-Headers',
      REQUEST_HEADERS,
      'Access-Control-Max-Age',
      PREFLIGHT_SECONDS,
    ];
  };
}
