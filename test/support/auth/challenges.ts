/*
 * A reader of WWW-Authenticate, written from the grammar of RFC 9110 §11.2, §11.6.1, §5.6.2 and §5.6.4. It shares no
 * code with the package, and throws for a value outside the grammar.
 */

/** A scheme with its parameters in order, names in lower case. */
export interface Challenge {
  readonly scheme: string;
  readonly parameters: ReadonlyArray<readonly [name: string, value: string]>;
}

const TOKEN = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y;
const QUOTED = /"((?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*)"/y;
const BWS = /[ \t]*/y;
const COMMA = /[ \t]*,[ \t]*/y;
const SPACES = / +/y;

export function parseChallenges(text: string): Challenge[] {
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match === null) return undefined;
    at = pattern.lastIndex;
    return match;
  };
  const demand = (pattern: RegExp): string => {
    const match = take(pattern);
    if (match === undefined) throw new SyntaxError(`At ${at} of ${JSON.stringify(text)}: not ${pattern}`);
    return match[1] ?? match[0];
  };

  function parameter(): readonly [string, string] | undefined {
    const start = at;
    const name = take(TOKEN)?.[0];
    take(BWS);
    if (name === undefined || text[at] !== '=') {
      at = start;
      return undefined;
    }
    at += 1;
    take(BWS);
    const value = text[at] === '"' ? demand(QUOTED).replaceAll(/\\(.)/g, '$1') : demand(TOKEN);
    return [name.toLowerCase(), value];
  }

  const challenges: Challenge[] = [];
  while (at < text.length) {
    if (challenges.length > 0) demand(COMMA);
    const scheme = demand(TOKEN);
    const parameters: Array<readonly [string, string]> = [];
    if (at < text.length && text[at] !== ',') {
      demand(SPACES);
      for (;;) {
        const before = at;
        if (parameters.length > 0 && take(COMMA) === undefined) break;
        const next = parameter();
        if (next === undefined) {
          at = before; // The comma belongs to the next challenge.
          break;
        }
        parameters.push(next);
      }
      if (parameters.length === 0) throw new SyntaxError(`At ${at} of ${JSON.stringify(text)}: no parameter`);
    }
    const names = parameters.map(([name]) => name);
    if (new Set(names).size !== names.length) throw new SyntaxError('A parameter stands twice.'); // RFC 9110 §11.2
    challenges.push({ scheme, parameters });
  }
  return challenges;
}
