import { ECDH } from 'node:crypto';
import { parseJsonObject } from '../shared/http-call.js';

/** The JSON form of a browser's PushSubscription. */
export interface Subscription {
  readonly endpoint: URL;
  /** Base64url. `p256dh`: an uncompressed point on P-256, 65 bytes. `auth`: 16 bytes (RFC 8291 §3). */
  readonly keys: { readonly p256dh: string; readonly auth: string };
}

const BASE64URL = /^[A-Za-z0-9_-]+={0,2}$/;
const MAXIMUM_ENDPOINT_CHARACTERS = 2_048;

/**
 * Parses a notification token: the JSON text of a PushSubscription. Returns `undefined` for any other text, and for an
 * endpoint that the relay must not post to.
 */
export function parseSubscription(tokenData: string): Subscription | undefined {
  const { endpoint: text, keys } = parseJsonObject(tokenData);
  const { p256dh, auth } = Object(keys);
  const endpoint = parseEndpoint(text);
  return endpoint !== undefined && isPoint(p256dh) && isBytes(auth, 16)
    ? { endpoint, keys: { p256dh, auth } }
    : undefined;
}

/** Like {@link parseSubscription}, for the endpoint only. */
export function readEndpoint(tokenData: string): URL | undefined {
  return parseEndpoint(parseJsonObject(tokenData).endpoint);
}

/**
 * The device chooses the endpoint. The endpoint must be an https URL without credentials, in the exact serialisation of
 * a browser, so that all parsers see the same host.
 */
function parseEndpoint(text: unknown): URL | undefined {
  if (typeof text !== 'string' || text.length > MAXIMUM_ENDPOINT_CHARACTERS || !URL.canParse(text)) return undefined;
  const endpoint = new URL(text);
  if (endpoint.href !== text || endpoint.protocol !== 'https:') return undefined;
  if (endpoint.username !== '' || endpoint.password !== '' || text.includes('#')) return undefined;
  return endpoint;
}

function isBytes(value: unknown, length: number): value is string {
  return typeof value === 'string' && BASE64URL.test(value) && Buffer.from(value, 'base64url').length === length;
}

/** True for a point on the curve. Other points could reveal parts of a key, and the encryption throws for them. */
function isPoint(value: unknown): value is string {
  if (!isBytes(value, 65)) return false;
  try {
    ECDH.convertKey(value, 'prime256v1', 'base64url');
    return true;
  } catch {
    return false;
  }
}

/** A parsed entry of the list of push services. */
export interface HostRule {
  readonly entry: string;
  /** True if the entry allows all names under a host name, so that the device chooses the name. */
  readonly isWildcard: boolean;
  matches(host: string): boolean;
}

/**
 * Parses an entry of the list of push services: a host name, `*.` followed by a host name, or an IP address (IPv6 in
 * brackets), with `:port` for a port other than 443. Returns `undefined` for any other text.
 */
export function parseHostRule(entry: string): HostRule | undefined {
  const isWildcard = entry.startsWith('*.');
  const name = isWildcard ? entry.slice(2) : entry;
  if (!URL.canParse(`https://${name}/`)) return undefined;
  const { host, hostname } = new URL(`https://${name}/`);
  // The entry must equal its serialisation as a URL: no other notations, no path, no default port.
  if (host !== name || /^\.|\.$|\.\./.test(hostname) || hostname.includes('*')) return undefined;
  if (!isWildcard) return { entry, isWildcard, matches: (candidate) => candidate === host };
  if (!/^[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z][a-z0-9-]*(:\d+)?$/.test(host)) return undefined;
  return {
    entry,
    isWildcard,
    matches: (candidate) => candidate.endsWith(`.${host}`) && candidate.length > host.length + 1,
  };
}
