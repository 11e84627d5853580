import { isMailboxUrl } from '../protocol/share-url.js';
import { parseShareUrl } from './share-url.js';

/** The end of a mailbox URL: what a relay adds to its own URL. */
const MAILBOX = /\/v1\/m\/[^/]*$/;

/** An https URL whose host has a public domain name: with a dot, no address, and of no special use (RFC 6761). */
const PUBLIC = /^https:\/\/[^/:]*\.(?!(local(host)?|internal)[:/])[a-z][^/:.]*[:/]/;

/**
 * The URL of a relay's mount point, without slashes at its end; `undefined` for one below which there can be no links:
 * it is not https (http on loopback names), or has a query, a fragment, credentials, or other characters than links may.
 */
export function parseBase(relay: string): string | undefined {
  try {
    return parseShareUrl(`${relay.replace(/\/+$/, '')}/v1/m/x`).mailboxUrl.replace(MAILBOX, '');
  } catch {
    return undefined;
  }
}

/**
 * The URLs below which a relay's links may be: its own, which is the first, and those of the option `links`. Throws a
 * TypeError, whose path `owner` begins, for one that can be none, and for an http entry beside an https relay.
 */
export function parseBases(relay: string, links: readonly string[] = [], owner = ''): readonly string[] {
  return [relay, ...links].map((entry, index) => {
    const base = parseBase(entry);
    if (base !== undefined && (base.startsWith('https') || !/^https/i.test(relay))) return base;
    const name = owner + (index === 0 ? 'relay' : 'links');
    throw new TypeError(`${name}: must be https (http on loopback names), with a path of letters, digits and -._~`);
  });
}

/** Whether a mailbox is directly below one of these URLs. */
export function isBelow(mailboxUrl: string, bases: readonly string[]): boolean {
  return isMailboxUrl(mailboxUrl) && bases.includes(mailboxUrl.replace(MAILBOX, ''));
}

/** Whether a receiver may call a mailbox: of one of its relays, or, where it names none, of a public host by https. */
export function mayOpen(mailboxUrl: string, hosts: readonly string[] | undefined): boolean {
  if (!isMailboxUrl(mailboxUrl)) return false;
  return hosts === undefined ? PUBLIC.test(mailboxUrl) : hosts.includes(new URL(mailboxUrl).host);
}
