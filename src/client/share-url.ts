import { isMailboxUrl, SHARE_URL_CHARACTERS } from '../protocol/mailbox-url.js';
import { parseUrl } from './url.js';

/** The kind of credential: `a` general access, `h` home, `c` car (SCT and TIGRESS §6). */
export type Vertical = 'a' | 'h' | 'c';

/** The parts of a share URL. */
export interface SharedMailbox {
  /** The URL for requests. It has no query and no fragment, so the relay never receives the Secret. */
  readonly mailboxUrl: string;
  /** `a` if the URL has no known vertical. */
  readonly vertical: Vertical;
  /** The fragment, usually base64 of the Secret; not validated. `undefined` if the URL has no fragment. */
  readonly secret: string | undefined;
}

/** Parts that the URL parser drops, decodes or resolves silently: credentials, percent-encoding, `\`, dot segments. */
const RESOLVED = /^[^?#]*([\\%@]|\/\.)/;

/**
 * Builds the URL that the sender gives to the receiver.
 *
 * @param urlLink The `urlLink` of a CreateMailbox response: a mailbox URL without query and fragment.
 * @param parts The vertical (default: none in the URL, which means general access), and the Secret as base64.
 * @returns `urlLink`, the vertical as query, and the Secret as fragment.
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
  const { mailboxUrl } = splitShareUrl(/[?#]/.test(urlLink) ? '' : urlLink, 'urlLink');
  const query = parts.vertical === undefined ? '' : `?v=${parts.vertical}`;
  return mailboxUrl + query + (parts.secret === undefined ? '' : `#${parts.secret}`);
}

/**
 * Parses a share URL: https, or http on a loopback name. Host, mount path and identifier consist of letters, digits and
 * `-._~`. No path segment is empty or starts with a dot.
 *
 * @param shareUrl At most 2,048 characters.
 * @throws {TypeError} The text is not such a URL.
 * @see docs/protocol.md §2; SCT and TIGRESS §6
 * @example
 * const { mailboxUrl, vertical, secret } = parseShareUrl('https://relay.example/v1/m/0b1e…?v=h#Zm9v…');
 */
export function parseShareUrl(shareUrl: string): SharedMailbox {
  const { mailboxUrl, vertical, secret } = splitShareUrl(shareUrl, 'shareUrl');
  return {
    mailboxUrl,
    vertical: vertical === 'h' || vertical === 'c' ? vertical : 'a',
    secret: secret === '' ? undefined : secret,
  };
}

function splitShareUrl(text: string, name: string): { mailboxUrl: string; vertical: string | null; secret: string } {
  try {
    const { origin = '', pathname = '', search = '', hash = '' } = parseUrl(text) ?? {};
    const mailboxUrl = origin + pathname;
    const [, vertical = null] = /[?&]v=([^&]*)/.exec(search) ?? [];
    if (text.length <= SHARE_URL_CHARACTERS && !RESOLVED.test(text) && isMailboxUrl(mailboxUrl))
      return { mailboxUrl, vertical, secret: decodeURIComponent(hash.slice(1)) };
  } catch {
    // Not a URL, or a fragment with invalid percent-encoding.
  }
  throw new TypeError(`${name}: must be the https URL of a mailbox`);
}
