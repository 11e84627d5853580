import { isMailboxUrl } from '../protocol/mailbox-url.js';
import { splitShareUrl } from './link-parts.js';
import { describeRelayProblem, isBelowMount } from './relay-url.js';
import { parseUrl } from './url.js';

/** The end of a mailbox URL, after the URL of the relay's mount point. The version is absent in TIGRESS §6.1.6. */
const MAILBOX_PATH = /(\/v\d+)?\/m\/[^/]*$/;

/** An https URL with a public domain name: with a dot, not an IP address, not a special-use name (RFC 6761). */
const PUBLIC_URL = /^https:\/\/[^/:]*\.(?!(local(host)?|internal)[:/])[a-z][^/:.]*[:/]/;

/**
 * The URL of a relay's mount point without trailing slashes. `undefined` if no share URL can start with it: it is not
 * https (or http on a loopback name), or it has a query, a fragment, credentials, or other characters than share URLs.
 */
export function parseBase(relay: string): string | undefined {
  const base = relay.replace(/\/+$/, '');
  const { mailboxUrl } = (/[?#]/.test(base) ? undefined : splitShareUrl(`${base}/v1/m/x`)) ?? {};
  return mailboxUrl?.slice(0, -'/v1/m/x'.length);
}

/** The URL of a relay's mount point, from the URL of a mailbox. */
export function toBase(mailboxUrl: string): string {
  return mailboxUrl.replace(MAILBOX_PATH, '');
}

/**
 * The base URLs that a relay's links may have: first the relay's own, then those of the option `links`. Throws a
 * TypeError with the path of the option, which starts with `owner`, for an invalid URL, and for an http URL in `links`
 * beside an https relay.
 */
export function parseBases(relay: string, links: readonly string[] = [], owner = ''): readonly string[] {
  return [relay, ...links].map((entry, index) => {
    const base = typeof entry === 'string' ? parseBase(entry) : undefined;
    const isSecure = base?.startsWith('https') || !/^https/i.test(relay);
    if (base !== undefined && isSecure && !isBelowMount(base)) return base;
    throw new TypeError(`${owner}${index === 0 ? 'relay' : 'links'}: ${describeRelayProblem(entry)}`);
  });
}

/**
 * True if a sender may call a mailbox: on the origin of its relay with any path, as the relay gave it, or below one of
 * `links`.
 */
export function isBelow(mailboxUrl: string, [relay = '', ...links]: readonly string[]): boolean {
  const { origin = '' } = parseUrl(relay) ?? {};
  return isMailboxUrl(mailboxUrl) && [origin, ...links].some((base) => mailboxUrl.startsWith(`${base}/`));
}

/** True if a receiver may call a mailbox: on one of `hosts`; without `hosts`, on any public host by https. */
export function mayOpen(mailboxUrl: string, hosts: readonly string[] | undefined): boolean {
  if (!isMailboxUrl(mailboxUrl)) return false;
  return hosts === undefined ? PUBLIC_URL.test(mailboxUrl) : hosts.includes(mailboxUrl.split('/')[2] ?? '');
}
