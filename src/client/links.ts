import { isLoopbackName } from '../protocol/loopback.js';
import { isMailboxUrl } from '../protocol/share-url.js';
import { parseShareUrl, urlOf } from './share-url.js';

/** The end of a mailbox URL: what a relay adds to its own URL. */
const MAILBOX = /\/v1\/m\/[^/]*$/;

/** A domain name that is not for one machine or one network: with a dot, no address, not of a special use (RFC 6761). */
const PUBLIC_NAME = /\.(?!(?:local|localhost|internal)$)[a-z][a-z\d-]*$/;

/** Whether a URL may be called: https, or http on loopback names (TIGRESS §4.2). */
export function isSafe(text: string): boolean {
  const url = urlOf(text);
  return url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopbackName(url.hostname));
}

/**
 * The URL of a relay's mount point, without a slash at its end; `undefined` for one that may not be called, or below
 * which there can be no links, as it has a query, a fragment, credentials, or other characters than links may have.
 */
export function baseOf(relay: string): string | undefined {
  try {
    const { mailboxUrl } = parseShareUrl(`${relay.replace(/\/+$/, '')}/v1/m/x`);
    return isSafe(mailboxUrl) ? mailboxUrl.replace(MAILBOX, '') : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The URLs below which a relay's links may be: its own, and those of the option `links`. Throws a TypeError, whose path
 * `owner` begins, for a relay or an entry that cannot be one, and for an http entry beside an https relay.
 */
export function basesOf(relay: string, links: readonly string[] = [], owner: string): readonly [string, ...string[]] {
  const own = baseOf(relay);
  if (own === undefined) {
    throw new TypeError(
      `${owner}relay: must be an https URL (http on loopback names) whose path has only A-Z a-z 0-9 - . _ ~`,
    );
  }
  const others = links.map((link) => {
    const base = baseOf(link);
    if (base !== undefined && (own.startsWith('http:') || base.startsWith('https:'))) return base;
    throw new TypeError(`${owner}links: must be https URLs of the kind of ${owner}relay`);
  });
  return [own, ...others];
}

/** Whether a mailbox is directly below one of these URLs. */
export function isBelow(mailboxUrl: string, bases: readonly string[]): boolean {
  return isMailboxUrl(mailboxUrl) && bases.includes(mailboxUrl.replace(MAILBOX, ''));
}

/** Whether a receiver may call what a link leads to: one of its relays, or, where it names none, a public host by https. */
export function mayOpen(mailboxUrl: string, hosts: readonly string[] | undefined): boolean {
  const url = urlOf(mailboxUrl);
  if (url === undefined || !isMailboxUrl(mailboxUrl) || !isSafe(mailboxUrl)) return false;
  return hosts === undefined ? url.protocol === 'https:' && PUBLIC_NAME.test(url.hostname) : hosts.includes(url.host);
}
