import { isMailboxUrl } from '../protocol/mailbox-url.js';
import { describeRelayProblem, isBelowMount } from './relay-url.js';
import { parseShareUrl } from './share-url.js';

/** The end of a mailbox URL, after the URL of the relay's mount point. */
const MAILBOX_PATH = /\/v1\/m\/[^/]*$/;

/** An https URL with a public domain name: with a dot, not an IP address, not a special-use name (RFC 6761). */
const PUBLIC_URL = /^https:\/\/[^/:]*\.(?!(local(host)?|internal)[:/])[a-z][^/:.]*[:/]/;

/**
 * The URL of a relay's mount point without trailing slashes. `undefined` if no share URL can start with it: it is not
 * https (or http on a loopback name), or it has a query, a fragment, credentials, or other characters than share URLs.
 */
export function parseBase(relay: string): string | undefined {
  try {
    return parseShareUrl(`${relay.replace(/\/+$/, '')}/v1/m/x`).mailboxUrl.replace(MAILBOX_PATH, '');
  } catch {
    return undefined;
  }
}

/**
 * The base URLs that a relay's links may have: first the relay's own, then those of the option `links`. Throws a
 * TypeError with the path of the option, which starts with `owner`, for an invalid URL, and for an http URL in `links`
 * beside an https relay.
 */
export function parseBases(relay: string, links: readonly string[] = [], owner = ''): readonly string[] {
  return [relay, ...links].map((entry, index) => {
    const base = parseBase(entry);
    const isSecure = base?.startsWith('https') || !/^https/i.test(relay);
    if (base !== undefined && isSecure && !isBelowMount(base)) return base;
    throw new TypeError(`${owner}${index === 0 ? 'relay' : 'links'}: ${describeRelayProblem(entry)}`);
  });
}

/** True if a mailbox URL is directly below one of the base URLs. */
export function isBelow(mailboxUrl: string, bases: readonly string[]): boolean {
  return isMailboxUrl(mailboxUrl) && bases.includes(mailboxUrl.replace(MAILBOX_PATH, ''));
}

/** True if a receiver may call a mailbox: on one of `hosts`; without `hosts`, on any public host by https. */
export function mayOpen(mailboxUrl: string, hosts: readonly string[] | undefined): boolean {
  if (!isMailboxUrl(mailboxUrl)) return false;
  return hosts === undefined ? PUBLIC_URL.test(mailboxUrl) : hosts.includes(mailboxUrl.split('/')[2] ?? '');
}
