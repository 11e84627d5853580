/** The supported version of the protocol, part of the path (TIGRESS §4.2). */
export const PROTOCOL_VERSION = 'v1';

const IDENTIFIER = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/**
 * The identifier of a mailbox in the form in which the relay makes identifiers: UUID version 4 in lower case. Devices may
 * send any case (RFC 4122 §3). `undefined` for any other text.
 */
export function parseIdentifier(text: string): string | undefined {
  const identifier = text.toLowerCase();
  return IDENTIFIER.test(identifier) ? identifier : undefined;
}

/** Longest share URL that devices accept, in characters. */
export const SHARE_URL_CHARACTERS = 2048;

/**
 * An https URL, or http on a loopback name (TIGRESS §4.2), whose path ends in `/m/{segment}`. The version segment may be
 * absent (TIGRESS §6.1.6). Host, mount path and identifier have unreserved characters only (RFC 3986 §2.3), and no
 * segment is empty or begins with a dot. Such a URL needs no escaping in a shell, in HTML or in a terminal.
 */
const MAILBOX_URL =
  /^(https:\/\/([\w.-]+|\[[\da-f:]+\])|http:\/\/(([\w-]+\.)*localhost|127(\.\d+){3}|\[::1\]))(:\d+)?(\/(?!\.)[\w.~-]+)*\/m\/(?!\.)[\w.~-]+$/;

/** True for the URL of a mailbox of any relay, without query, fragment and percent-encoding. */
export function isMailboxUrl(text: string): boolean {
  return text.length <= SHARE_URL_CHARACTERS && MAILBOX_URL.test(text);
}

/** The `urlLink` of a mailbox. The client of the sender adds `v` and the fragment. `base` has no trailing slash. */
export function buildUrlLink(base: string, identifier: string): string {
  return `${base}/${PROTOCOL_VERSION}/m/${identifier}`;
}

/**
 * The mailbox identifier in a share URL, in lower case, with or without query and fragment; `undefined` for a URL of
 * another relay.
 */
export function parseMailboxIdentifier(shareUrl: string, base: string): string | undefined {
  if (!URL.canParse(shareUrl)) return undefined;
  const url = new URL(shareUrl);
  const prefix = buildUrlLink(base, '');
  const link = url.origin + url.pathname;
  return link.startsWith(prefix) ? parseIdentifier(link.slice(prefix.length)) : undefined;
}
