import { buildUrlLink, parseIdentifier } from '../../protocol/mailbox-url.js';

const MAILBOXES = buildUrlLink('', '');

/**
 * A `v` with an encoding. The sender writes one letter, so a messenger or a mail gateway has encoded the `#` behind the
 * letter (`?v=h%23…`), or the `=` (`?v=3Dh` of quoted-printable). Or a query that begins with an encoded `#`. A browser
 * then sends the Secret to the relay.
 */
const ALTERED_QUERY = /[?&;]v=(?:\w*%|3D)|^\?%(?:25)*23/i;

/** True if a path is below the mailboxes, also in other letter case. */
export function isBelowMailboxes(path: string): boolean {
  return path.slice(0, MAILBOXES.length).toLowerCase() === MAILBOXES;
}

/** True for a path below the mailboxes that no sender has written, such as `/v1/m/{identifier}%23{Secret}`. */
export function isAlteredPath(path: string): boolean {
  return !path.startsWith(MAILBOXES) || parseIdentifier(path.slice(MAILBOXES.length)) === undefined;
}

/** True for the query of a share URL that no sender has written. `query` begins with `?`, or is empty. */
export function isAlteredQuery(query: string): boolean {
  return query !== '' && ALTERED_QUERY.test(query);
}
