/** Most characters of a message that is shown. */
const MOST_OF_A_MESSAGE = 300;
/** Most characters of a title that is shown. */
const MOST_OF_A_TITLE = 80;

/**
 * One line of text from elsewhere, without what could move the cursor, begin a line, or make it look like another one.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, ' ');
}

/** A message to show: one line, and not more of it than a person would read. */
export function shownMessage(text: string): string {
  return upTo(MOST_OF_A_MESSAGE, printable(text).trim());
}

/** A title that somebody else wrote, in quotation marks, so that its end is seen. */
export function quotedTitle(title: string): string {
  return `"${upTo(MOST_OF_A_TITLE, printable(title).replaceAll('"', "'"))}"`;
}

/** JSON that is safe to print: what is no visible character stands in it as `\uXXXX`. */
export function printableJson(value: unknown, indent?: number): string {
  // Line feeds in here are the indentation; those of the texts are escaped by now.
  return JSON.stringify(value, undefined, indent).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    character === '\n' ? character : escaped(character),
  );
}

/** Whether a terminal would do anything with these bytes but show them. */
export function isPlainText(bytes: Uint8Array): boolean {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    // Tabs, ends of lines, and the joiners of scripts and emoji are harmless.
    return !/[\p{Cc}\p{Cf}]/u.test(text.replace(/\r?\n|\t|[\u200c\u200d]/g, ''));
  } catch {
    return false;
  }
}

function escaped(character: string): string {
  return [...Array(character.length).keys()]
    .map((at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`)
    .join('');
}

function upTo(most: number, text: string): string {
  const characters = [...text];
  return characters.length <= most ? text : `${characters.slice(0, most - 1).join('')}…`;
}
