import { type ParseArgsConfig, parseArgs } from 'node:util';

type Options = NonNullable<ParseArgsConfig['options']>;

/** What was typed, by the options that there are. */
type Parsed<Known extends Options> = ReturnType<
  typeof parseArgs<{ args: string[]; allowPositionals: true; allowNegative: true; options: Known }>
>;

/** The words of a command line that are options, or would be: what follows `--` is not. */
export function wordsBeforeMark(words: readonly string[]): readonly string[] {
  const mark = words.indexOf('--');
  return mark === -1 ? words : words.slice(0, mark);
}

/**
 * Parses what follows a command: options, and one argument for each name. Throws a TypeError that says which one is
 * missing, or what there is too much.
 */
export function parse<Known extends Options>(
  words: readonly string[],
  names: readonly string[],
  options: Known,
): Pick<Parsed<Known>, 'values' | 'positionals'> {
  const { values, positionals } = parsed(words, options);
  const extra = positionals[names.length];
  if (extra !== undefined) throw new TypeError(`unexpected argument ${extra}`);
  const missing = names[positionals.length];
  if (missing !== undefined) throw new TypeError(`${missing} is missing; see --help`);
  return { values, positionals };
}

function parsed<Known extends Options>(words: readonly string[], options: Known): Parsed<Known> {
  try {
    return parseArgs({ args: [...words], allowPositionals: true, allowNegative: true, options });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_PARSE_ARGS_UNKNOWN_OPTION') throw error;
    // Node names one letter of -rf, and then gives a hint that is about that letter.
    const [, name = ''] = /'(-[^']*)'/.exec((error as Error).message) ?? [];
    const word = wordsBeforeMark(words).find((typed) => typed === name || typed.startsWith(name)) ?? name;
    throw new TypeError(`unknown option ${word}; an argument that begins with - goes after --`, { cause: error });
  }
}

/** The candidate that is a slip of the finger away; `undefined` if there is none. */
export function closest(typed: string, candidates: readonly string[]): string | undefined {
  const [best] = candidates
    .map((candidate) => ({ candidate, edits: editsBetween(typed, candidate) }))
    .sort((left, right) => left.edits - right.edits);
  return best !== undefined && best.edits <= 2 ? best.candidate : undefined;
}

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
