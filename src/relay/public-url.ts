import { isLoopbackName } from '../protocol/loopback.js';
import { buildUrlLink, isMailboxUrl } from '../protocol/mailbox-url.js';
import { hasUnsetPart, UNSET_PART } from './unset-part.js';

/** The parsed option `publicUrl`. */
export interface PublicUrl {
  /** The URL without a trailing slash; the start of every `urlLink`. */
  readonly base: string;
  /** The path without a trailing slash; empty for the root of the host. */
  readonly path: string;
  /** True for https. The relay then requires TLS for every request. */
  readonly tls: boolean;
}

/** The relay would build links such as `/v1/m/v1/m/…`, and answer the intended path with 404. */
const ENDS_IN_MAILBOXES = /\/(v1|m|v1\/m\/[^/]+)$/i;

/**
 * Parses the option `publicUrl`. Throws a TypeError unless the URL is an https URL (http with a loopback host name),
 * whose host and path have only unreserved characters (RFC 3986 §2.3).
 */
export function parsePublicUrl(value: string | URL): PublicUrl {
  const text = String(value).trim();
  if (text === '') throw new TypeError('publicUrl: is empty: is the environment variable set?');
  if (/^["']|["']$/.test(text)) throw new TypeError('publicUrl: must be a URL without quotation marks');
  if (hasUnsetPart(text)) throw new TypeError(`publicUrl: ${UNSET_PART}`);
  // `localhost:3000` parses as a URL with the scheme `localhost`.
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) {
    throw new TypeError('publicUrl: has no scheme: begin the URL with https://, or with http:// on localhost');
  }
  // A URL parser takes the first segment of the path for the host.
  if (/^[a-z]+:\/\/\//i.test(text)) throw new TypeError('publicUrl: has no host');
  if (!URL.canParse(text)) throw new TypeError('publicUrl: must be an absolute URL');
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw new TypeError('publicUrl: must be an https URL');
  if (url.hostname === '0.0.0.0' || url.hostname === '[::]') {
    throw new TypeError('publicUrl: has an address to listen on: name the host that devices reach, such as localhost');
  }
  if (url.protocol === 'http:' && !isLoopbackName(url.hostname)) {
    throw new TypeError('publicUrl: must be an https URL, or an http URL with a loopback host name (TIGRESS §4.2)');
  }
  if (url.port === '0') throw new TypeError('publicUrl: must be a URL with the port that the server got, not 0');
  if (url.username !== '' || url.password !== '') throw new TypeError('publicUrl: must be a URL without credentials');
  if (/[?#]/.test(text)) throw new TypeError('publicUrl: must be a URL without a query and a fragment');
  const path = url.pathname.replace(/\/$/, '');
  if (path.endsWith('/')) throw new TypeError('publicUrl: must be a URL whose path ends in at most one slash');
  if (ENDS_IN_MAILBOXES.test(path)) {
    throw new TypeError('publicUrl: must be the URL of the mount point: omit /v1/m, which the relay adds');
  }
  const base = url.origin + path;
  if (!isMailboxUrl(buildUrlLink(base, 'x'))) {
    throw new TypeError('publicUrl: must be a URL whose host and path have only the characters A-Z a-z 0-9 - . _ ~');
  }
  return { base, path, tls: url.protocol === 'https:' };
}
