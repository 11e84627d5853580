/**
 * The arguments of a soak run: names of its parts, default all, and sizes as `--name number`. Throws a TypeError for
 * another word.
 */
export function parseArguments<Part extends string, Sizes extends Record<string, number>>(
  parts: readonly Part[],
  defaults: Sizes,
): { readonly parts: readonly Part[]; readonly sizes: Sizes } {
  const words = (process.env.SOAK_ARGUMENTS ?? '').split(' ').filter((word) => word !== '');
  const sizes: Record<string, number> = { ...defaults };
  const chosen: Part[] = [];
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    const part = parts.find((each) => each === word);
    const size = word.replace(/^--/, '');
    if (part !== undefined) chosen.push(part);
    else if (word !== size && size in sizes) sizes[size] = parseSize(word, words.shift());
    else
      throw new TypeError(
        `${word}: known are ${[...parts, ...Object.keys(sizes).map((each) => `--${each}`)].join(' ')}`,
      );
  }
  return { parts: chosen.length > 0 ? chosen : parts, sizes: sizes as Sizes };
}

function parseSize(option: string, text = ''): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new TypeError(`${option}: must be a number above 0`);
  return value;
}
