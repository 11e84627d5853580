/** Characters of the longest message and of the longest title. */
const [MAXIMUM_MESSAGE, MAXIMUM_TITLE] = [300, 80];

/** Text as one line, without characters that move the cursor, start a line, or change the order of characters. */
export function toPrintable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, ' ');
}

/** A message as one line of limited length. */
export function formatMessage(text: string): string {
  return truncate(MAXIMUM_MESSAGE, toPrintable(text).trim());
}

/** A title from the sender, in quotation marks that the title cannot end. */
export function formatTitle(title: string): string {
  return `"${truncate(MAXIMUM_TITLE, toPrintable(title).replaceAll('"', "'"))}"`;
}

/** JSON in which invisible characters are `\uXXXX`. */
export function toPrintableJson(value: unknown, indent?: number): string {
  // JSON.stringify escapes the line feeds of texts, so the remaining line feeds are indentation.
  return JSON.stringify(value, undefined, indent).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    character === '\n' ? character : escapeCharacter(character),
  );
}

/** Whether a terminal shows these bytes as text, and interprets none of them. */
export function isPlainText(bytes: Uint8Array): boolean {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    // Tabs, line ends, and the joiners of scripts and emoji are harmless.
    return !/[\p{Cc}\p{Cf}]/u.test(text.replace(/\r?\n|\t|[\u200c\u200d]/g, ''));
  } catch {
    return false;
  }
}

/** A duration in its largest unit, rounded: `45 s`, `12 minutes` or `2 days`. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 1000));
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} minutes`;
  return seconds < 129_600 ? `${Math.round(seconds / 3600)} hours` : `${Math.round(seconds / 86_400)} days`;
}

function escapeCharacter(character: string): string {
  return [...Array(character.length).keys()]
    .map((at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`)
    .join('');
}

function truncate(maximum: number, text: string): string {
  const characters = [...text];
  return characters.length <= maximum ? text : `${characters.slice(0, maximum - 1).join('')}…`;
}
