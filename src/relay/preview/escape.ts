const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
};

/** Control characters, those that reorder or break lines and could make a text look like another, and noncharacters. */
const INVISIBLE = /[\p{Cc}\p{Bidi_Control}\u2028\u2029\p{Noncharacter_Code_Point}]/gu;

/** Nearly every text: printable ASCII of which nothing needs to be replaced. */
const PLAIN = /^[ !#-%(-;=?-_a-~]*$/;

/** Text for an HTML page, in an element or a quoted attribute. */
export function escapeHtml(text: string): string {
  if (PLAIN.test(text)) return text;
  return text
    .toWellFormed()
    .replace(INVISIBLE, ' ')
    .replace(/[&<>"'`]/g, (character) => ESCAPES[character] ?? '');
}

/**
 * The page's own words, in ASCII. A page of nothing but ASCII is kept and sent at a byte a character; one character
 * beyond U+00FF would make that of the whole page several times dearer.
 */
export function escapeToAscii(text: string): string {
  const ascii = escapeHtml(text).replace(/[^\x20-\x7e]/gu, (character) => `&#${character.codePointAt(0)};`);
  // The engine keeps what it made from a text of two bytes a character at two bytes, until it is read anew.
  return Buffer.from(ascii, 'latin1').toString('latin1');
}

/** A URL for a quoted attribute; what it may not hold as it is gets percent-encoded, not replaced. */
export function escapeUrl(url: string): string {
  return PLAIN.test(url) ? url : escapeHtml(new URL(url).href);
}
