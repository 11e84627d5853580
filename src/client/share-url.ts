/** What kind of credential a share is for: `a` or none general access, `h` home, `c` car (SCT and TIGRESS §6). */
export type Vertical = 'a' | 'h' | 'c';

/** The parts of a share URL. */
export interface SharedMailbox {
  /** The URL for requests: no query, no fragment. The relay must never see the Secret. */
  readonly mailboxUrl: string;
  /** `a` if the URL names none. */
  readonly vertical: Vertical;
  /** Base64 of the Secret; `undefined` if the URL carries none. */
  readonly secret: string | undefined;
}

/**
 * The URL to send to the receiver: the relay's `urlLink`, the vertical, and the Secret as fragment.
 * Throws a TypeError if `urlLink` is not a URL, or has a query or fragment already.
 */
export function buildShareUrl(urlLink: string, parts: { vertical?: Vertical; secret?: string } = {}): string {
  if (urlOf(urlLink) === undefined || /[?#]/.test(urlLink))
    throw new TypeError('urlLink: must be a URL without query or fragment');
  const query = parts.vertical === undefined ? '' : `?v=${parts.vertical}`;
  return urlLink + query + (parts.secret === undefined ? '' : `#${parts.secret}`);
}

/** Takes a share URL apart. Throws a TypeError if it is not the URL of a mailbox. */
export function parseShareUrl(shareUrl: string): SharedMailbox {
  const url = urlOf(shareUrl);
  if (url === undefined) throw new TypeError('shareUrl: must be a URL');
  if (!/^https?:$/.test(url.protocol) || !/\/v1\/m\/[^/]+$/.test(url.pathname)) {
    throw new TypeError('shareUrl: must be the URL of a mailbox');
  }
  const vertical = url.searchParams.get('v');
  const secret = decoded(url.hash.slice(1));
  return {
    mailboxUrl: url.origin + url.pathname,
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

function decoded(fragment: string): string {
  try {
    return decodeURIComponent(fragment);
  } catch {
    throw new TypeError('shareUrl: its fragment is not percent-encoded as it should be');
  }
}
