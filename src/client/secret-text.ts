import { fromBase64, toBase64, toBase64Url } from './base64.js';

/** Digits of a Secret of 16 or 32 bytes in base64, without padding. */
const DIGITS = [22, 43];

/** A Secret is at the start of so many characters, or nowhere. */
const MAXIMUM_CHARACTERS = 400;

/**
 * The Secret in a text, as the person got it; `undefined` if the text has none, or if it has more than one possible
 * meaning.
 */
export function parseSecret(text: string): string | undefined {
  const secrets = findSecrets(text);
  return secrets.length === 1 ? secrets[0] : undefined;
}

/**
 * All Secrets that a text may mean. The Secret may end at the first character that is no base64. It may also go on
 * behind spaces: some programs turn `+` into a space, and others break long lines.
 */
export function findSecrets(text: string): readonly string[] {
  const found = new Map<string, string>();
  const add = (digits: string): boolean => {
    const plain = digits.replace(/={1,2}$/, '');
    if (!DIGITS.includes(plain.length) || !/^[\w+/-]*$/.test(plain)) return false;
    const canonical = toBase64Url(plain);
    // The last digit of a Secret has spare bits. An encoder sets them to zero; other text rarely does.
    if (toBase64Url(toBase64(fromBase64(canonical))) !== canonical) return false;
    found.set(canonical, digits);
    return true;
  };
  const body = text.slice(0, MAXIMUM_CHARACTERS).replace(/^[\s#"'<([{]+/, '');
  const [run = ''] = /^[\w+/=-]*/.exec(body) ?? [];
  // Behind a Secret, some programs add a slash or the end of an emphasis.
  for (let end = run.length; !add(run.slice(0, end)) && /[/_+=-]/.test(run.charAt(end - 1)); end -= 1);
  const lines = body.split('\n').slice(0, 4);
  for (let count = 1; count <= lines.length; count += 1) {
    const part = lines.slice(0, count).map((line) => line.trim());
    const joined = part.join('').replace(/[^\w+/=-]+$/, '');
    add(joined.replace(/ /g, '+'));
    add(joined.replace(/ /g, ''));
  }
  const [padded = ''] = /^[\w+/ -]*={1,2}/.exec(body) ?? [];
  add(padded.replace(/ /g, '+'));
  return [...found.values()];
}
