import { type ParseArgsConfig, parseArgs } from 'node:util';

type Options = NonNullable<ParseArgsConfig['options']>;

/** What was typed, by the options that there are. */
type Parsed<Known extends Options> = ReturnType<
  typeof parseArgs<{ args: string[]; allowPositionals: true; allowNegative: true; options: Known }>
>;

/** A word that may be repeated in a message: a plain name. Links, Secrets and passwords are longer, or have other characters. */
const PLAIN_NAME = /^(?=.{1,20}$)-{0,2}[a-z]+(?:-[a-z]+)*$/;

/** The words of a command line that are options, or would be: what follows `--` is not. */
export function wordsBeforeMark(words: readonly string[]): readonly string[] {
  const mark = words.indexOf('--');
  return mark === -1 ? words : words.slice(0, mark);
}

/**
 * Parses what follows a command: options, and one argument for each name. Throws a TypeError that says which one is
 * missing, or what there is too much. It repeats no argument and no value: a link has its Secret in it.
 */
export function parse<Known extends Options>(
  words: readonly string[],
  names: readonly string[],
  options: Known,
): Pick<Parsed<Known>, 'values' | 'positionals'> {
  const { values, positionals } = parsed(words, options);
  if (positionals.length > names.length) {
    const taken = names.length === 0 ? 'this command takes none' : `this command takes ${names.join(' ')}`;
    throw new TypeError(`argument ${names.length + 1} is one too many: ${taken}; see --help`);
  }
  const missing = names[positionals.length];
  if (missing !== undefined) throw new TypeError(`${missing} is missing; see --help`);
  return { values, positionals };
}

function parsed<Known extends Options>(words: readonly string[], options: Known): Parsed<Known> {
  try {
    return parseArgs({ args: [...words], allowPositionals: true, allowNegative: true, options });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_PARSE_ARGS_UNKNOWN_OPTION') throw error;
    throw new TypeError(unknownOption(words, options), { cause: error });
  }
}

/** What is wrong with the first word that is no option. Node's own message repeats the word, its value included. */
function unknownOption(words: readonly string[], options: Options): string {
  const { tokens } = parseArgs({ args: [...words], allowPositionals: true, strict: false, options, tokens: true });
  const known = Object.keys(options);
  const isUnknown = (name: string): boolean => !known.includes(name) && !known.includes(name.replace(/^no-/, ''));
  const token = tokens.find((candidate) => candidate.kind === 'option' && isUnknown(candidate.name));
  const index = token?.index ?? 0;
  const [word = ''] = (words[index] ?? '').split('=');
  const what = PLAIN_NAME.test(word) ? `unknown option ${word}` : `word ${index + 1} after the command is no option`;
  const meant = closest(word.replace(/^-+/, ''), known);
  const hint = meant === undefined ? 'an argument that begins with - goes after --' : `is it --${meant}?`;
  return `${what}; ${hint}`;
}

/** What is wrong with a word that is no command. */
export function unknownCommand(word: string, commands: readonly string[]): string {
  const what = PLAIN_NAME.test(word) ? `unknown command ${word}` : 'the first word is no command';
  const meant = closest(word, commands);
  const hint = word.includes('://') ? 'a link goes after receive, wait or cancel; ' : '';
  return `${what}; ${meant === undefined ? hint : `is it ${meant}? `}see credential-relay --help`;
}

/** The candidate that is a slip of the finger away; `undefined` if there is none. */
export function closest(typed: string, candidates: readonly string[]): string | undefined {
  // The distance takes the product of both lengths in time, and one of them is anything.
  if (typed.length > LONGEST_NAME) return undefined;
  const [best] = candidates
    .map((candidate) => ({ candidate, edits: editsBetween(typed, candidate) }))
    .sort((left, right) => left.edits - right.edits);
  return best !== undefined && best.edits <= 2 ? best.candidate : undefined;
}

/** Characters of the longest word that is compared with names. */
const LONGEST_NAME = 32;

/** Levenshtein's distance. */
function editsBetween(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, at) => at);
  for (const [index, letter] of [...left].entries()) {
    const next = [index + 1];
    for (const [at, other] of [...right].entries()) {
      const replaced = (row[at] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(replaced, (row[at + 1] ?? 0) + 1, (next[at] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
