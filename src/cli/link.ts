import { parseShareUrl, type SharedMailbox } from '../client/index.js';
import { lineOfInput } from './input.js';

/** A share URL as somebody pasted it, and its parts. */
export interface Link extends SharedMailbox {
  /** Without what does not belong to it. */
  readonly url: string;
}

/** Most characters of a link, with what stands around it. */
const MOST_CHARACTERS = 4096;

/** The link of an argument; `-` reads a line of standard input. Throws a TypeError for what is no share URL. */
export async function linkOf(argument: string, signal: AbortSignal): Promise<Link> {
  return parseLink(argument === '-' ? await lineOfInput(MOST_CHARACTERS, signal) : argument);
}

/** Takes a link apart that comes from a chat or a mail. Throws a TypeError that says what is wrong with it. */
export function parseLink(text: string): Link {
  if (text.length > MOST_CHARACTERS) throw new TypeError('<url>: is too long to be a link');
  const bare = text.replace(/^[\s<("'‘“«`]+/u, '').replace(/[\s>)"'’”»`.,;:!?]+$/u, '');
  // Some messengers escape the mark as well, and then the Secret looks like a part of the path.
  const url = bare.includes('#') ? bare : bare.replace(/%23/, '#');
  try {
    return { url, ...parseShareUrl(url) };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new TypeError(error.message.replace(/^shareUrl:/, '<url>:'), { cause: error });
  }
}

/** Throws a TypeError unless the link has a Secret that can be one. */
export function demandSecret({ secret }: Link): void {
  if (secret === undefined) {
    throw new TypeError('<url>: has no Secret. It is what follows the #; in a shell the link has to stand in quotes');
  }
  const digits = secret.replace(/={1,2}$/, '');
  if (/[^A-Za-z0-9+/_-]/.test(digits)) {
    throw new TypeError('<url>: what follows the # is no Secret: something in there does not belong to the link');
  }
  if (digits.length !== 22 && digits.length !== 43) {
    throw new TypeError('<url>: what follows the # is no Secret: it was cut off, or has something added');
  }
}
