/** No browser sends a longer field. A longer field is ignored. */
const MAXIMUM_CHARACTERS = 1_024;

const PAGE = 'text/html';
const PROBLEM = ['application/problem+json', 'application/json'];

/** A quoted string, which may contain separators (RFC 9110 §5.6.4), or an unterminated quoted string. */
const QUOTED = /"(?:[^"\\]|\\.)*("|\\?$)/g;
const PARAMETER = /^[!#$%&'*+.^_`|~\w-]+(?:=(?:[!#$%&'*+.^_`|~\w-]+|""))?$/;
const WEIGHT = /^q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/;

/**
 * True if the Accept field (RFC 9110 §12.5.1) prefers a page to a problem: it names `text/html` with a weight above 0,
 * and no JSON type with a higher weight (docs/protocol.md §9). Wildcards do not count, since programs send them by
 * default. A malformed member is ignored.
 */
export function prefersHtml(accept: string | undefined): boolean {
  if (accept === undefined || accept.length > MAXIMUM_CHARACTERS) return false;
  const weights = parseWeights(accept);
  const page = weights.get(PAGE) ?? 0;
  return page > 0 && PROBLEM.every((type) => page >= (weights.get(type) ?? 0));
}

/** The weight of each range; the greatest weight of a range that is named twice. */
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

/** The weight in the parameters; 1 if absent, `undefined` if a parameter is malformed. */
function parseWeight(parameters: readonly string[]): number | undefined {
  let weight: number | undefined;
  for (const parameter of parameters) {
    if (parameter === '') continue; // RFC 9110 §5.6.6 allows empty parameters.
    if (!PARAMETER.test(parameter)) return undefined;
    if (!/^q(=|$)/.test(parameter)) continue;
    const [, given] = WEIGHT.exec(parameter) ?? [];
    if (given === undefined || weight !== undefined) return undefined;
    weight = Number(given);
  }
  return weight ?? 1;
}

/** Linear time. An expression with `[ \t]+$` takes quadratic time for many spaces in the middle. */
const trimSpace = (text: string): string => /[^ \t](?:.*[^ \t])?/s.exec(text)?.[0] ?? '';
