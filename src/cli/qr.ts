import { encode, renderUnicodeCompact } from 'uqr';

/** Where a QR code is drawn. */
export interface Screen {
  readonly isTTY?: boolean;
  /** Characters of a line; unknown for a file. */
  readonly columns?: number;
}

/** White on black whatever the terminal's colours are: many cameras do not take the inverse. */
const [COLOURS, RESET] = ['\u001b[97;40m', '\u001b[0m'];

/** Modules of the quiet zone around the code: four by ISO/IEC 18004, and fewer where they do not fit. */
const QUIET = [4, 3, 2] as const;

/** A QR code of the text in characters of a terminal, two rows a line; words instead where it does not fit. */
export function qrCode(text: string, screen: Screen, env: NodeJS.ProcessEnv = process.env): string {
  const { size } = encode(text, { ecc: 'L', border: 0 });
  // 0: a terminal that does not know how wide it is.
  const columns = screen.columns || Number.POSITIVE_INFINITY;
  const border = QUIET.find((modules) => size + 2 * modules <= columns);
  if (border === undefined) {
    return `The QR code does not fit: it needs ${size + 2 * QUIET[2]} columns, and there are ${columns}.\n`;
  }
  const lines = renderUnicodeCompact(text, { ecc: 'L', border }).split('\n');
  const hasColours = screen.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb';
  return lines.map((line) => (hasColours ? `${COLOURS}${line}${RESET}\n` : `${line}\n`)).join('');
}
