import { encode, renderUnicodeCompact } from 'uqr';
import type { SentShare } from '../client/index.js';
import { mayOpen } from '../client/links.js';

/** Command lines that continue a share. */
export interface ShareCommands {
  /** For the other device. */
  readonly receive: string;
  /** For this device. */
  readonly cancel: string;
}

/** The stream of a QR code. */
export interface Screen {
  readonly isTTY?: boolean;
  /** Characters per line; `undefined` for a file. */
  readonly columns?: number;
}

/** White on black: many cameras cannot read the inverse. */
const [COLOURS, RESET] = ['\u001b[97;40m', '\u001b[0m'];

/** Modules of the quiet zone: four by ISO/IEC 18004, fewer on a narrow screen. */
const QUIET_ZONES = [4, 3, 2] as const;

/** `state` is the `--state` option of this device. Without `isShown`, the lines do not contain the link. */
export function createShareCommands(
  { url, state: { mailboxUrl = '' } }: Pick<SentShare, 'url' | 'state'>,
  isShown: boolean,
  state: string | undefined,
): ShareCommands {
  // Without --allow, `receive` calls no host on loopback or in a private network.
  const allow = mayOpen(mailboxUrl, undefined) ? [] : ['--allow', new URL(mailboxUrl).host];
  const folder = state === undefined ? [] : ['--state', state];
  return {
    receive: formatCommand('receive', isShown ? url : '<link>', ...allow),
    cancel: formatCommand('cancel', isShown ? mailboxUrl : '<link>', ...folder),
  };
}

/** A command line for a POSIX shell. */
export function formatCommand(...args: readonly string[]): string {
  return ['credential-relay', ...args].map((arg) => (/^[\w-]+$/.test(arg) ? arg : quoteForShell(arg))).join(' ');
}

/** POSIX Shell Command Language §2.2.2. */
export function quoteForShell(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A QR code in characters of a terminal, or a sentence if the screen is too narrow. */
export function formatQrCode(text: string, screen: Screen, env: NodeJS.ProcessEnv = process.env): string {
  const { size } = encode(text, { ecc: 'L', border: 0 });
  // Some terminals report 0 columns.
  const columns = screen.columns || Number.POSITIVE_INFINITY;
  const border = QUIET_ZONES.find((modules) => size + 2 * modules <= columns);
  if (border === undefined) {
    return `The QR code needs ${size + 2 * QUIET_ZONES[2]} columns, and the terminal has ${columns}.\n`;
  }
  const lines = renderUnicodeCompact(text, { ecc: 'L', border }).split('\n');
  const hasColours = screen.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb';
  return lines.map((line) => (hasColours ? `${COLOURS}${line}${RESET}\n` : `${line}\n`)).join('');
}
