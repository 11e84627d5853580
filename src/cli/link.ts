import { parseShareUrl, type SharedMailbox } from '../client/index.js';
import { InputLines } from './input-lines.js';

/** Characters of the longest link with its surroundings. */
const MAXIMUM_CHARACTERS = 4096;

/** Parses an argument, or for `-` the first line of standard input. Throws a TypeError for another URL. */
export async function readLink(argument: string, signal: AbortSignal): Promise<SharedMailbox> {
  const input = new InputLines(signal);
  try {
    return await readLinkFrom(argument, input);
  } finally {
    await input.close();
  }
}

/** As {@link readLink}. The next line of `input` is then the one below the link. */
export async function readLinkFrom(argument: string, input: InputLines): Promise<SharedMailbox> {
  if (argument !== '-') return parseLink(argument);
  if (process.stdin.isTTY) process.stderr.write('Paste the link, and press Enter:\n');
  return parseLink(await input.next());
}

/** Parses a share URL from a chat or a mail. Throws a TypeError that does not repeat the text. */
export function parseLink(text: string): SharedMailbox {
  if (text.length > MAXIMUM_CHARACTERS) throw new TypeError('<url>: is too long for a link');
  try {
    return parseShareUrl(text);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new TypeError(error.message.replace(/^shareUrl:/, '<url>:'), { cause: error });
  }
}

/** Throws a TypeError unless the Secret of a link has a possible length. */
export function assertSecret(secret: string): void {
  const digits = secret.replace(/={1,2}$/, '');
  if (/[^A-Za-z0-9+/_-]/.test(digits)) {
    throw new TypeError('<url>: the part after # is not a Secret: it has characters that are not part of the link');
  }
  if (digits.length !== 22 && digits.length !== 43) {
    throw new TypeError('<url>: the part after # is not a Secret: it is incomplete or too long');
  }
}
