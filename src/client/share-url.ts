import { isMailboxUrl, SHARE_URL_CHARACTERS } from '../protocol/share-url.js';

/** What kind of credential a share is for: `a` or none general access, `h` home, `c` car (SCT and TIGRESS §6). */
export type Vertical = 'a' | 'h' | 'c';

/** The parts of a share URL. */
export interface SharedMailbox {
  /** The URL for requests: no query, no fragment. The relay must never see the Secret. */
  readonly mailboxUrl: string;
  /** `a` if the URL names none. */
  readonly vertical: Vertical;
  /** Base64 of the Secret, not checked; `undefined` if the URL carries none. */
  readonly secret: string | undefined;
}

/** What the URL parser would drop, decode or resolve silently: credentials, percent-encoding, `\` and dot segments. */
const RESOLVED = /^[^?#]*([\\%@]|\/\.)/;

/**
 * The URL to send to the receiver: the relay's `urlLink`, the vertical, and the Secret as fragment. Throws a TypeError
 * if `urlLink` is not the URL of a mailbox, as {@link parseShareUrl} takes it, or has a query or fragment already.
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
 * Takes a share URL apart. It is https, or http on loopback names. Its host, mount path and identifier have letters,
 * digits and `-._~` only, no segment of its path is empty or begins with a dot, and it has at most 2,048 characters.
 * Throws a TypeError for anything else.
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
    const { origin, pathname, searchParams, hash } = new URL(text);
    const mailboxUrl = origin + pathname;
    if (text.length <= SHARE_URL_CHARACTERS && !RESOLVED.test(text) && isMailboxUrl(mailboxUrl))
      return { mailboxUrl, vertical: searchParams.get('v'), secret: decodeURIComponent(hash.slice(1)) };
  } catch {
    // It is no URL, or its fragment is not percent-encoded as it should be.
  }
  throw new TypeError(`${name}: must be the https URL of a mailbox`);
}
