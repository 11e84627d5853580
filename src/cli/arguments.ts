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
    throw new TypeError(describeUnknownOption(words, options), { cause: error });
  }
}

/** Describes the first unknown option. The message of Node repeats the word and its value. */
function describeUnknownOption(words: readonly string[], options: Options): string {
  const { tokens } = parseArgs({ args: [...words], allowPositionals: true, strict: false, options, tokens: true });
  const isUnknown = (name: string): boolean =>
    !Object.hasOwn(options, name) && !Object.hasOwn(options, name.replace(/^no-/, ''));
  const index = tokens.find((token) => token.kind === 'option' && isUnknown(token.name))?.index ?? 0;
  const [word = ''] = (words[index] ?? '').split('=');
  const subject = PLAIN_NAME.test(word) ? `unknown option ${word}` : `argument ${index + 1} is an unknown option`;
  return `${subject}; see --help, and write -- before an argument that begins with -`;
}

export function describeUnknownCommand(word: string): string {
  const subject = PLAIN_NAME.test(word) ? `unknown command ${word}` : 'the first argument is not a command';
  const hint = word.includes('://') ? 'a link follows receive, wait or cancel; ' : '';
  return `${subject}; ${hint}see credential-relay --help`;
}
