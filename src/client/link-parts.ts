import { isMailboxUrl, SHARE_URL_CHARACTERS } from '../protocol/mailbox-url.js';
import { parseSecret } from './secret-text.js';
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

const UUID = '[\\da-f]{8}(?:-[\\da-f]{4}){3}-[\\da-f]{12}';

/** A UUID with more characters behind it: probably a link whose `#` was lost. They may be the Secret. */
const LONGER_THAN_UUID = new RegExp(`/${UUID}[^/]+$`, 'i');
const LONGER_THAN_UUID_BY_A_SECRET = new RegExp(`/${UUID}[^/]{22,}$`, 'i');

const ENDS_IN_UUID = new RegExp(`/${UUID}$`, 'i');

/** A mailbox URL up to its UUID, and characters behind it that are not part of an identifier. */
export const UUID_AND_REST = new RegExp(`^(.*?/m/${UUID})(?:[^\\w~-].*|[.~_-]+)?$`, 'i');

/** The parts of a share URL as it stands; `undefined` for any other text. */
export function splitShareUrl(text: string): SharedMailbox | undefined {
  try {
    const { origin = '', pathname = '', search = '', hash = '' } = parseUrl(text) ?? {};
    const mailboxUrl = origin + pathname;
    const isAccepted = text.length <= SHARE_URL_CHARACTERS && !RESOLVED.test(text) && isMailboxUrl(mailboxUrl);
    // A request for this URL could send the Secret to the relay.
    if (!isAccepted || LONGER_THAN_UUID_BY_A_SECRET.test(mailboxUrl)) return undefined;
    return { mailboxUrl, vertical: parseVertical(search), secret: decodeURIComponent(hash.slice(1)) || undefined };
  } catch {
    // Not a URL, or a fragment with invalid percent-encoding.
    return undefined;
  }
}

/** The vertical of a query; `a` for an unknown one. */
export function parseVertical(query: string): Vertical {
  return (/[?&;]v=(?:3D)?([hc])(?!\w)/i.exec(query)?.[1]?.toLowerCase() as Vertical | undefined) ?? 'a';
}

export function hasUuid({ mailboxUrl }: SharedMailbox): boolean {
  return ENDS_IN_UUID.test(mailboxUrl);
}

/** False for the parts of a URL that looks altered: mending may find another meaning. */
export function isIntact(text: string, { mailboxUrl, secret }: SharedMailbox): boolean {
  const query = /\?[^#]*/.exec(text)?.[0] ?? '';
  // An encoding, or another URL, in the query: the Secret or the whole link may be in it.
  const isPlain = !/%|:\/\/|=[2-7][\dA-F]/.test(query) && !/[^!-~]/.test(text.trim());
  return isPlain && !LONGER_THAN_UUID.test(mailboxUrl) && (secret === undefined || parseSecret(secret) === secret);
}
