import { toBase64Url } from './base64.js';
import { checkOptions, checkText, isOneOf } from './check.js';
import { isIntact, type SharedMailbox, splitShareUrl, type Vertical } from './link-parts.js';
import { mendShareUrl } from './mend-link.js';

export type { SharedMailbox, Vertical };

const PARTS = { vertical: isOneOf('a', 'h', 'c'), secret: checkText };

/**
 * Builds the URL that the sender gives to the receiver.
 *
 * @param urlLink The `urlLink` of a CreateMailbox response: a mailbox URL without query and fragment.
 * @param parts The vertical (default: none in the URL, which means general access), and the Secret as base64.
 * @returns `urlLink`, the vertical as query, and the Secret as fragment: base64url without padding, because messengers
 * and mail gateways alter `+`, `/` and `=`.
 * @throws {TypeError} `urlLink` is not a mailbox URL, or already has a query or a fragment.
 * @see docs/protocol.md §2; SCT and TIGRESS §6
 * @example
 * const url = buildShareUrl('https://relay.example/v1/m/0b1e…', { vertical: 'h', secret: generateSecret() });
 * // 'https://relay.example/v1/m/0b1e…?v=h#Zm9v…'
 */
export function buildShareUrl(
  urlLink: string,
  parts: { vertical?: Vertical | undefined; secret?: string | undefined } = {},
): string {
  checkOptions('buildShareUrl', parts, PARTS);
  const mailbox = splitShareUrl(/[?#]/.test(urlLink) ? '' : urlLink);
  if (mailbox === undefined) throw new TypeError('urlLink: must be the https URL of a mailbox');
  const query = parts.vertical === undefined ? '' : `?v=${parts.vertical}`;
  return mailbox.mailboxUrl + query + (parts.secret === undefined ? '' : `#${toBase64Url(parts.secret)}`);
}

/**
 * Parses a share URL: an https URL, or an http URL on a loopback name, whose path ends in `/m/{identifier}`. Host, path
 * and identifier consist of letters, digits and `-._~`. If a messenger or a mail gateway has altered the link,
 * `parseShareUrl` mends it: it finds the link in a text, decodes it, and drops characters around it. A text with more
 * than one possible meaning is not mended.
 *
 * @param shareUrl A share URL of at most 2,048 characters, or a text of at most 8,192 characters with one.
 * @throws {TypeError} The text is not such a URL, or has more than one possible meaning.
 * @see docs/client.md, "Links that were altered"; docs/protocol.md §2; SCT and TIGRESS §6
 * @example
 * const { mailboxUrl, vertical, secret } = parseShareUrl('https://relay.example/v1/m/0b1e…?v=h#Zm9v…');
 */
export function parseShareUrl(shareUrl: string): SharedMailbox {
  const exact = splitShareUrl(shareUrl);
  const found = exact !== undefined && isIntact(shareUrl, exact) ? exact : mendShareUrl(shareUrl);
  if (found === undefined) throw new TypeError('shareUrl: must be the https URL of a mailbox');
  return found;
}
