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

/** The query and fragment that a sender adds. */
const ADDITION = /^(\?v=[ahc])?(#[\w+/-]+={0,2})?$/;

/** What the URL parser would decode or resolve silently: `\`, percent-encoding and dot segments. */
const RESOLVED = /^[^?#]*([\\%]|\/\.)/;

/**
 * The URL to send to the receiver: the relay's `urlLink`, the vertical, and the Secret as fragment. Throws a TypeError
 * if `urlLink` is not the URL of a mailbox, as {@link parseShareUrl} takes it, or has a query or fragment already, and
 * for a vertical or Secret that cannot be one.
 */
export function buildShareUrl(urlLink: string, parts: { vertical?: Vertical; secret?: string } = {}): string {
  const query = parts.vertical === undefined ? '' : `?v=${parts.vertical}`;
  const addition = query + (parts.secret === undefined ? '' : `#${parts.secret}`);
  if (!ADDITION.test(addition)) throw new TypeError('parts: must be a vertical of a, h or c, and a Secret in base64');
  if (/[?#]/.test(urlLink)) throw new TypeError('urlLink: must be a URL without query or fragment');
  return mailboxUrlIn(urlLink, 'urlLink') + addition;
}

/**
 * Takes a share URL apart. Its host, mount path and identifier may have letters, digits and `-._~` only, no segment of
 * its path may be empty or begin with a dot, and it has at most 2,048 characters. Throws a TypeError for anything else.
 */
export function parseShareUrl(shareUrl: string): SharedMailbox {
  const mailboxUrl = mailboxUrlIn(shareUrl, 'shareUrl');
  const url = new URL(shareUrl);
  const vertical = url.searchParams.get('v');
  const secret = decoded(url.hash.slice(1));
  return {
    mailboxUrl,
    vertical: vertical === 'h' || vertical === 'c' ? vertical : 'a',
    secret: secret === '' ? undefined : secret,
  };
}

/** A parsed URL; `undefined` for what is none. URL.canParse is missing in browsers that are not that old. */
export function urlOf(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

function mailboxUrlIn(text: string, name: string): string {
  const url = text.length > SHARE_URL_CHARACTERS ? undefined : urlOf(text);
  if (url === undefined) throw new TypeError(`${name}: must be a URL of at most ${SHARE_URL_CHARACTERS} characters`);
  const mailboxUrl = url.origin + url.pathname;
  if (url.username + url.password !== '' || RESOLVED.test(text) || !isMailboxUrl(mailboxUrl)) {
    throw new TypeError(`${name}: must be the URL of a mailbox`);
  }
  return mailboxUrl;
}

function decoded(fragment: string): string {
  try {
    return decodeURIComponent(fragment);
  } catch {
    throw new TypeError('shareUrl: its fragment is not percent-encoded as it should be');
  }
}
