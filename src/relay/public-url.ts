import { isLoopbackName } from '../protocol/loopback.js';
import { isMailboxUrl, urlLinkFor } from '../protocol/share-url.js';

/** The public address of a relay's mount point, taken apart once. */
export interface PublicUrl {
  /** The URL without a trailing slash: what `urlLink` begins with. */
  readonly base: string;
  /** The path without a trailing slash; empty for the root of the host. */
  readonly path: string;
  /** True for https: then every request must have come over TLS. */
  readonly tls: boolean;
}

/**
 * Checks and takes apart the option `publicUrl`. Throws a TypeError for anything but https (http on loopback names)
 * with a host and a path of unreserved characters (RFC 3986 §2.3).
 */
export function parsePublicUrl(value: string | URL): PublicUrl {
  const text = String(value);
  if (!URL.canParse(text)) throw new TypeError('publicUrl: must be an absolute URL');
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw new TypeError('publicUrl: must be an https URL');
  if (url.protocol === 'http:' && !isLoopbackName(url.hostname)) {
    throw new TypeError('publicUrl: http is for loopback names only; the protocol demands https (TIGRESS §4.2)');
  }
  if (url.username !== '' || url.password !== '') throw new TypeError('publicUrl: must not hold credentials');
  if (/[?#]/.test(text)) throw new TypeError('publicUrl: must not have a query or a fragment');
  const path = url.pathname.replace(/\/$/, '');
  if (path.endsWith('/')) throw new TypeError('publicUrl: its path must not end in several slashes');
  const base = url.origin + path;
  if (!isMailboxUrl(urlLinkFor(base, 'x'))) {
    throw new TypeError(
      'publicUrl: its host and path must be of A-Z a-z 0-9 - . _ ~ only: devices take no other links',
    );
  }
  return { base, path, tls: url.protocol === 'https:' };
}
