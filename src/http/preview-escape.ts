const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
};

/** Control characters, and those that reorder or break lines, which could make a text look like another. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is taken out here.
const INVISIBLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]/g;

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
