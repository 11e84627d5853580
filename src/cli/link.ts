import { addAbortSignal } from 'node:stream';
import { parseShareUrl, type SharedMailbox } from '../client/index.js';

/** A share URL from a chat or a mail, and its parts. */
export interface Link extends SharedMailbox {
  /** The share URL without surrounding punctuation. */
  readonly url: string;
}

/** Characters of the longest link with its surroundings. */
const MAXIMUM_CHARACTERS = 4096;

/** Parses an argument, or for `-` the first line of standard input. Throws a TypeError for another URL. */
export async function readLink(argument: string, signal: AbortSignal): Promise<Link> {
  return parseLink(argument === '-' ? await readLine(signal) : argument);
}

export function parseLink(text: string): Link {
  if (text.length > MAXIMUM_CHARACTERS) throw new TypeError('<url>: is too long for a link');
  const bare = text.replace(/^[\s<("'‘“«`]+/u, '').replace(/[\s>)"'’”»`.,;:!?]+$/u, '');
  // Some messengers escape the number sign; the Secret then looks like a part of the path.
  const url = bare.includes('#') ? bare : bare.replace(/%23/, '#');
  try {
    return { url, ...parseShareUrl(url) };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new TypeError(error.message.replace(/^shareUrl:/, '<url>:'), { cause: error });
  }
}

/** Throws a TypeError unless the link has a Secret of a possible length. */
export function assertSecret({ secret }: Link): void {
  if (secret === undefined) {
    throw new TypeError('<url>: has no Secret (the part after #); in a shell, put the link in quotation marks');
  }
  const digits = secret.replace(/={1,2}$/, '');
  if (/[^A-Za-z0-9+/_-]/.test(digits)) {
    throw new TypeError('<url>: the part after # is not a Secret: it has characters that are not part of the link');
  }
  if (digits.length !== 22 && digits.length !== 43) {
    throw new TypeError('<url>: the part after # is not a Secret: it is incomplete or too long');
  }
}

async function readLine(signal: AbortSignal): Promise<string> {
  if (process.stdin.isTTY) process.stderr.write('Paste the link, and press Enter:\n');
  let text = '';
  // The end of the loop closes standard input, so a writer that stays open does not hold the command.
  for await (const chunk of addAbortSignal(signal, process.stdin.setEncoding('utf8'))) {
    text += chunk;
    if (/\S\s*\n/.test(text) || text.length > MAXIMUM_CHARACTERS) break;
  }
  return text.trimStart().slice(0, MAXIMUM_CHARACTERS).split('\n')[0] ?? '';
}
