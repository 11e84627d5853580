import { renderUnicodeCompact } from 'uqr';

/** White on black whatever the terminal's colours are: many cameras do not take the inverse. */
const [COLOURS, RESET] = ['\u001b[97;40m', '\u001b[0m'];

/** A QR code of the text in characters of a terminal, two rows a line, with a quiet zone around it. */
export function qrCode(text: string): string {
  const lines = renderUnicodeCompact(text, { ecc: 'L', border: 2 }).split('\n');
  return lines.map((line) => `${COLOURS}${line}${RESET}\n`).join('');
}
