/** The one version of the protocol that the relay speaks (TIGRESS §4.2: the version is part of the path). */
export const PROTOCOL_VERSION = 'v1';

const IDENTIFIER = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** True for the form of identifiers that this relay makes: UUID version 4, lower case. */
export function isMailboxIdentifier(text: string): boolean {
  return IDENTIFIER.test(text);
}

/** `urlLink` of a mailbox: no `v`, no fragment; the sender's client adds them. `base` has no trailing slash. */
export function urlLinkFor(base: string, identifier: string): string {
  return `${base}/${PROTOCOL_VERSION}/m/${identifier}`;
}

/**
 * The mailbox identifier in a share URL of the relay at `base`, whatever its query and fragment;
 * `undefined` if the URL is not one of that relay.
 */
export function identifierIn(shareUrl: string, base: string): string | undefined {
  if (!URL.canParse(shareUrl)) return undefined;
  const url = new URL(shareUrl);
  const prefix = urlLinkFor(base, '');
  const link = url.origin + url.pathname;
  const identifier = link.slice(prefix.length);
  return link.startsWith(prefix) && isMailboxIdentifier(identifier) ? identifier : undefined;
}
