import { SHARE_URL_CHARACTERS } from '../protocol/mailbox-url.js';
import { fromBase64, toBase64Url } from './base64.js';
import { hasUuid, parseVertical, type SharedMailbox, splitShareUrl, UUID_AND_REST } from './link-parts.js';
import { findSecrets } from './secret-text.js';
import { decodeText } from './text-codec.js';

/** A longer text is not searched. A scanner's wrapping of a link may have thousands of characters. */
const MAXIMUM_CHARACTERS = 8192;

/** Links in one text, and encodings of one link, that are tried. */
const [MAXIMUM_LINKS, MAXIMUM_ENCODINGS] = [16, 5];

/**
 * Characters without a glyph that programs put into texts. Overrides of the direction are not among them: they show
 * another link than the one that a device would open.
 */
const INVISIBLE =
  /[\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u202a-\u202c\u2060-\u206f\u3164\ufeff\uffa0]|[\ufe00-\ufe0f]|\u034f/g;

/**
 * Finds the share URL in a text that a messenger or a mail gateway has altered. `undefined` if there is none. Tries all
 * encodings and all places where the link may end. A reading with a complete Secret outweighs the others, then a
 * reading with a UUID.
 *
 * @throws {TypeError} Two readings are equally good, and lead to two mailboxes or have two Secrets.
 */
export function mendShareUrl(text: string): SharedMailbox | undefined {
  let best: { readonly score: number; readonly mailbox: SharedMailbox } | undefined;
  let isAmbiguous = false;
  if (typeof text !== 'string') throw new TypeError('shareUrl: must be a text; of a URL object pass the href');
  if (text.length > MAXIMUM_CHARACTERS) return undefined;
  for (const decoded of listDecodings(text)) {
    for (const mailbox of listStarts(decoded).flatMap(readLink)) {
      const hasSecret = mailbox.secret !== undefined && findSecrets(mailbox.secret).length > 0;
      const score = (hasSecret ? 2 : 0) + (hasUuid(mailbox) ? 1 : 0);
      if (best === undefined || score > best.score) {
        best = { score, mailbox };
        isAmbiguous = false;
      } else if (score === best.score) {
        isAmbiguous ||= mailbox.mailboxUrl !== best.mailbox.mailboxUrl;
        isAmbiguous ||= hasSecret && toBase64Url(mailbox.secret ?? '') !== toBase64Url(best.mailbox.secret ?? '');
      }
    }
  }
  if (isAmbiguous) throw new TypeError('shareUrl: has more than one possible meaning; copy only the link');
  return best?.mailbox;
}

/** The text as it came, and with one encoding after another removed. */
function listDecodings(text: string): readonly string[] {
  const decodings = new Set<string>();
  for (let level of new Set([text, decodeQuotedPrintable(text)])) {
    for (let count = 0; count < MAXIMUM_ENCODINGS; count += 1) {
      for (const inner of new Set([level, decodeProofpoint(level)])) {
        const plain = toPlainText(inner);
        decodings.add(plain);
        // Word processors write other dashes. In a text, a dash may also follow the link.
        decodings.add(plain.replace(/[\u2010-\u2013\u2212]/g, '-').replace(/\u2014/g, '--'));
      }
      const next = decodePercent(level);
      if (next === level) break;
      level = next;
    }
  }
  return [...decodings];
}

/** Removes the additions of other programs to a text, except percent-encoding. */
function toPlainText(text: string): string {
  // JSON may escape slashes, and then escapes all of them.
  const escaped = /\\\/\\\//.test(text) ? /\\(?=[#?&=_~.+:/-])/g : /\\(?=[#?&=_~.+:-])/g;
  return (
    text
      .replace(INVISIBLE, '')
      .replace(/&amp;/gi, '&')
      .replace(/&#(?:x([\da-f]{1,4})|(\d{1,5}));/gi, (_, hex, decimal) =>
        String.fromCharCode(hex === undefined ? Number(decimal) : Number.parseInt(hex, 16)),
      )
      .replace(escaped, '')
      // ASCII in full width, as input methods of Chinese and Japanese write it.
      .replace(/[\uff01-\uff5e]/g, (wide) => String.fromCharCode(wide.charCodeAt(0) - 0xfee0))
      .replace(/[\t\v\f\x85\u2028\u2029]/g, '\n')
      // The marks of a quoted mail.
      .replace(/\n[ >|]*>/g, '\n')
  );
}

function decodePercent(text: string): string {
  return text.replace(/(?:%[\da-f]{2})+/gi, (encoded) => {
    try {
      return decodeURIComponent(encoded);
    } catch {
      return encoded;
    }
  });
}

/** RFC 2045 §6.7. `=` and two digits do not occur in a share URL, except in parameters that other programs add. */
function decodeQuotedPrintable(text: string): string {
  return text
    .replace(/=\r?\n/g, '')
    .replace(/=([2-7][\dA-F])/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** The link in a rewritten link of Proofpoint, version 2 or 3 (urldefense.com), without their encodings. */
function decodeProofpoint(text: string): string {
  const [, encoded] = /\/v2\/url\?u=([\w.~-]+)/.exec(text) ?? [];
  if (encoded !== undefined) return decodePercent(encoded.replace(/-/g, '%').replace(/_/g, '/'));
  const [, link = '', replaced = ''] = /\/v3\/__(.+?)__;([\w-]*)!/s.exec(text) ?? [];
  const characters =
    /^[\w-]+$/.test(replaced) && replaced.length % 4 !== 1 ? [...decodeText(fromBase64(replaced))] : [];
  // `*` stands for the next replaced character, and `**` and a digit of base64 for more of them.
  return link.replace(/\*(?:\*([\w-]))?/g, (_, digit) =>
    characters.splice(0, digit === undefined ? 1 : ((fromBase64(`${digit}A`)[0] ?? 0) >> 2) + 2).join(''),
  );
}

/** The rest of the text from each `https://` on. Without one, from the first host name with a path. */
function listStarts(text: string): string[] {
  const starts = [...text.matchAll(/https?:\/+/gi)].slice(0, MAXIMUM_LINKS).map(({ index }) => text.slice(index));
  if (starts.length > 0) return starts;
  // The scheme may have been cut off, as in `ttps://`, or disabled, as in `hxxps://`.
  const bare = /(?:^|[\s<("'[])(?:(?:h?[tx]{0,2}p?s)?:?\/\/)?((?:[\w-]+\.)+[a-z]{2,}(?::\d+)?\/)/i.exec(text)?.[1];
  return bare === undefined ? [] : [`https://${text.slice(text.indexOf(bare))}`];
}

/** The share URLs that a text may start with. */
function readLink(text: string): readonly SharedMailbox[] {
  const hash = text.indexOf('#');
  const [head, rest] = hash === -1 ? [text, ''] : [text.slice(0, hash).trimEnd(), text.slice(hash + 1)];
  const lines = head.split('\n').map((line) => line.trim());
  // The link ends at the first space, or at the end of the line, or continues in the next line.
  const ends = new Set([lines[0], lines.join('')].map((end = '') => end.split(/\s/, 1)[0] ?? ''));
  return [...ends].flatMap((end) => {
    const isWhole = lines.length === 1 ? end === head : end === lines.join('');
    return toMailboxes(end, isWhole ? rest : '');
  });
}

function toMailboxes(head: string, fragment: string): readonly SharedMailbox[] {
  const [, scheme = '', path = '', query = ''] = /^(https?):\/+([^?]*)(.*)$/is.exec(head) ?? [];
  const plain = path.replace(/\/(?:\.?\/)+/g, '/').replace(/&[\w.]+=.*$/, '');
  const cut = UUID_AND_REST.exec(plain)?.[1] ?? /^.*[\w.~-]/.exec(plain)?.[0] ?? '';
  const mailbox = splitShareUrl(`${scheme}://${cut}`);
  if (mailbox === undefined) return [];
  const vertical = parseVertical(query || plain.slice(cut.length));
  const secrets = findSecrets(fragment);
  if (secrets.length > 0) return secrets.map((secret) => ({ ...mailbox, vertical, secret }));
  if (head.length + fragment.length >= SHARE_URL_CHARACTERS) return [];
  return [{ ...mailbox, vertical, secret: fragment.trim() || undefined }];
}
