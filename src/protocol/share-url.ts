/** The one version of the protocol that the relay speaks (TIGRESS §4.2: the version is part of the path). */
export const PROTOCOL_VERSION = 'v1';

const IDENTIFIER = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** True for the form of identifiers that this relay makes: UUID version 4, lower case. */
export function isMailboxIdentifier(text: string): boolean {
  return IDENTIFIER.test(text);
}

/** Most characters of a share URL that devices take. */
export const SHARE_URL_CHARACTERS = 2048;

/**
 * By https, or by http on loopback names (TIGRESS §4.2). Host, mount path and identifier have unreserved characters only
 * (RFC 3986 §2.3), and no segment is empty or begins with a dot: nothing in such a URL has a meaning of its own to a
 * shell, to HTML or to a terminal.
 */
const MAILBOX_URL =
  /^(https:\/\/([\w.-]+|\[[\da-f:]+\])|http:\/\/(([\w-]+\.)*localhost|127(\.\d+){3}|\[::1\]))(:\d+)?(\/(?!\.)[\w.~-]+)*\/v1\/m\/(?!\.)[\w.~-]+$/;

/** True for the URL of a mailbox of any relay, as devices take it: no query, no fragment, no percent-encoding. */
export function isMailboxUrl(text: string): boolean {
  return text.length <= SHARE_URL_CHARACTERS && MAILBOX_URL.test(text);
}

/** `urlLink` of a mailbox: no `v`, no fragment; the sender's client adds them. `base` has no trailing slash. */
export function buildUrlLink(base: string, identifier: string): string {
  return `${base}/${PROTOCOL_VERSION}/m/${identifier}`;
}

/**
 * The mailbox identifier in a share URL of the relay at `base`, whatever its query and fragment;
 * `undefined` if the URL is not one of that relay.
 */
export function parseShareUrl(shareUrl: string, base: string): string | undefined {
  if (!URL.canParse(shareUrl)) return undefined;
  const url = new URL(shareUrl);
  const prefix = buildUrlLink(base, '');
  const link = url.origin + url.pathname;
  const identifier = link.slice(prefix.length);
  return link.startsWith(prefix) && isMailboxIdentifier(identifier) ? identifier : undefined;
}
