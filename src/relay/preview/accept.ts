/** A field that is longer comes from no browser, and is not judged. */
const MAXIMUM_CHARACTERS = 1_024;

/** The media types that speak for a page, and those that speak for a problem. */
const PAGE = 'text/html';
const PROBLEM = ['application/problem+json', 'application/json'];

/** A quoted string, which may hold what would separate members and parameters (RFC 9110 §5.6.4), or one without an end. */
const QUOTED = /"(?:[^"\\]|\\.)*("|\\?$)/g;
const PARAMETER = /^[!#$%&'*+.^_`|~\w-]+(?:=(?:[!#$%&'*+.^_`|~\w-]+|""))?$/;
const WEIGHT = /^q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/;

/**
 * True for a reader who would rather have a page than a problem, by the Accept field (RFC 9110 §12.5.1): `text/html` is
 * named, with a weight above 0 and not below that of a JSON type named beside it. Ranges such as `*` do not count:
 * programs send them without a thought, and they take what they always got. What is malformed is ignored.
 */
export function prefersHtml(accept: string | undefined): boolean {
  if (accept === undefined || accept.length > MAXIMUM_CHARACTERS) return false;
  const weights = parseWeights(accept);
  const page = weights.get(PAGE) ?? 0;
  return page > 0 && PROBLEM.every((type) => page >= (weights.get(type) ?? 0));
}

/** The weight of each range; the greatest where one is named twice, as with parameters and without. */
function parseWeights(accept: string): Map<string, number> {
  const weights = new Map<string, number>();
  for (const member of accept
    .toLowerCase()
    .replace(QUOTED, (_text, end) => (end === '"' ? '""' : '"'))
    .split(',')) {
    const [range = '', ...parameters] = member.split(';').map(trimSpace);
    const weight = parseWeight(parameters);
    if (weight !== undefined) weights.set(range, Math.max(weight, weights.get(range) ?? 0));
  }
  return weights;
}

/** The weight that parameters give, 1 where they give none; `undefined` if they are malformed. */
function parseWeight(parameters: readonly string[]): number | undefined {
  let weight: number | undefined;
  for (const parameter of parameters) {
    if (parameter === '') continue; // RFC 9110 §5.6.6 lets them be empty.
    if (!PARAMETER.test(parameter)) return undefined;
    if (!/^q(=|$)/.test(parameter)) continue;
    const [, given] = WEIGHT.exec(parameter) ?? [];
    if (given === undefined || weight !== undefined) return undefined;
    weight = Number(given);
  }
  return weight ?? 1;
}

/** In linear time: to replace `[ \t]+$` would try each of many spaces in the middle. */
const trimSpace = (text: string): string => /[^ \t](?:.*[^ \t])?/s.exec(text)?.[0] ?? '';
