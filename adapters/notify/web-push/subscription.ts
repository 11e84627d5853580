import { ECDH } from 'node:crypto';
import { parseJsonObject } from '../shared/json.js';

/** Where a browser wants its pushes, and how they are to be encrypted: a PushSubscription in its JSON form. */
export interface Subscription {
  readonly endpoint: URL;
  /** Base64url. `p256dh`: a point on P-256, uncompressed, 65 bytes; `auth`: 16 bytes (RFC 8291 §3). */
  readonly keys: { readonly p256dh: string; readonly auth: string };
}

const BASE64URL = /^[A-Za-z0-9_-]+={0,2}$/;
const MAXIMUM_ENDPOINT_CHARACTERS = 2_048;

/**
 * Reads a notification token that is the JSON text of a PushSubscription. Undefined if it is none, or if its endpoint is
 * not to be posted to.
 */
export function parseSubscription(tokenData: string): Subscription | undefined {
  const { endpoint: text, keys } = parseJsonObject(tokenData);
  const { p256dh, auth } = Object(keys);
  const endpoint = parseEndpoint(text);
  return endpoint !== undefined && isPoint(p256dh) && isBytes(auth, 16)
    ? { endpoint, keys: { p256dh, auth } }
    : undefined;
}

/** The endpoint of a subscription that {@link parseSubscription} reads; the keys are not looked at. */
export function readEndpoint(tokenData: string): URL | undefined {
  return parseEndpoint(parseJsonObject(tokenData).endpoint);
}

/**
 * The endpoint comes from a device and is going to be posted to, so it has to be an https URL without credentials, exactly
 * as a browser serialises it: then all who parse it see the same host.
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

/** True for a point on the curve: with others, parts of a key could be found out, and the encryption throws. */
function isPoint(value: unknown): value is string {
  if (!isBytes(value, 65)) return false;
  try {
    ECDH.convertKey(value, 'prime256v1', 'base64url');
    return true;
  } catch {
    return false;
  }
}

/** An entry of the list of push services. */
export interface HostRule {
  readonly entry: string;
  /** True if it means all names below a name, of which a device chooses one. */
  readonly isWildcard: boolean;
  /** True if a host is meant by it. */
  matches(host: string): boolean;
}

/**
 * Checks an entry of the list of push services. An entry is a host name, or `*.` and one for all names below it, or an
 * IP address (IPv6 in brackets), with `:port` for another port than 443. Undefined for anything else.
 */
export function parseHostRule(entry: string): HostRule | undefined {
  const isWildcard = entry.startsWith('*.');
  const name = isWildcard ? entry.slice(2) : entry;
  if (!URL.canParse(`https://${name}/`)) return undefined;
  const { host, hostname } = new URL(`https://${name}/`);
  // What the URL makes of it must be what was written: no other notations, no path, no default port.
  if (host !== name || hostname.endsWith('.') || hostname.includes('*')) return undefined;
  if (!isWildcard) return { entry, isWildcard, matches: (candidate) => candidate === host };
  if (!/^[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z][a-z0-9-]*(:\d+)?$/.test(host)) return undefined;
  return {
    entry,
    isWildcard,
    matches: (candidate) => candidate.endsWith(`.${host}`) && candidate.length > host.length + 1,
  };
}
