/**
 * Parses the query of a store URL. One rule for all stores: a parameter is in `parsers`, and appears once. Each parser
 * gets the decoded text, and returns the value or `undefined` if the text is not valid.
 *
 * @param store - The start of each message, such as `redisStore`.
 * @param query - The text behind `?`; may be empty.
 * @throws TypeError that names the parameter and, for an unknown one, the known ones; never a value
 */
export function parseUrlParameters<Parsers extends Readonly<Record<string, UrlParameter<unknown>>>>(
  store: string,
  query: string,
  parsers: Parsers,
): UrlParameters<Parsers> {
  const values: Record<string, unknown> = {};
  for (const [name, text] of new URLSearchParams(keepPlus(query))) {
    const parameter = Object.hasOwn(parsers, name) ? parsers[name] : undefined;
    if (parameter === undefined) {
      const known = Object.keys(parsers).join(', ') || 'none';
      throw new TypeError(`${store}: the URL parameter ${describeName(name)} is unknown; the known ones are: ${known}`);
    }
    if (name in values) throw new TypeError(`${store}: the URL parameter ${name} must appear once`);
    const value = parameter.parse(text);
    if (value === undefined) throw new TypeError(`${store}: the URL parameter ${name} must be ${parameter.form}`);
    values[name] = value;
  }
  return values as UrlParameters<Parsers>;
}

/** A parameter of a store URL. `form` completes the sentence "must be …". */
export interface UrlParameter<Value> {
  readonly form: string;
  parse(text: string): Value | undefined;
}

/** The parsed values; an absent parameter has none. */
export type UrlParameters<Parsers> = {
  readonly [Name in keyof Parsers]?: Parsers[Name] extends UrlParameter<infer Value> ? Value : never;
};

/** `true`, `1`, `on` and an empty value; `false`, `0` and `off`. */
export const booleanParameter: UrlParameter<boolean> = {
  form: 'true or false',
  parse(text) {
    if (/^(?:true|1|on|)$/i.test(text)) return true;
    return /^(?:false|0|off)$/i.test(text) ? false : undefined;
  },
};

/** One of these words. */
export function wordParameter<const Word extends string>(...words: readonly Word[]): UrlParameter<Word> {
  return { form: `one of ${words.join(', ')}`, parse: (text) => words.find((word) => word === text) };
}

/** A whole number from `minimum` to `maximum`. */
export function numberParameter(minimum: number, maximum: number): UrlParameter<number> {
  return {
    form: `a whole number from ${minimum} to ${maximum}`,
    parse(text) {
      const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
      return value >= minimum && value <= maximum ? value : undefined;
    },
  };
}

/** Text that is not empty. */
export const textParameter: UrlParameter<string> = {
  form: 'a text that is not empty',
  parse: (text) => (text === '' ? undefined : text),
};

/** A form writes a space as `+`. Passwords hold a `+` more often than a space, above all those in base64. */
function keepPlus(query: string): string {
  return query.replace(/(?:^|&)\w*(?:user|username|password)=[^&]*/gi, (part) => part.replaceAll('+', '%2B'));
}

/**
 * Refuses a URL with a part of its template: a variable that no program expanded, or a placeholder of a hoster. The
 * server would only say that the password is wrong.
 *
 * @throws TypeError that repeats nothing of the URL
 */
export function assertNoPlaceholder(store: string, url: string): void {
  if (/\$\{\w+\}|\$\(\w+\)|\{\{.*\}\}/.test(url)) {
    throw new TypeError(`${store}: the URL holds a variable that is not expanded; write a $ in a password as %24`);
  }
  if (/\[YOUR[ _-][\w -]+\]|<[a-z][\w -]*>/i.test(url)) {
    throw new TypeError(`${store}: the URL holds a placeholder, such as [YOUR-PASSWORD]; write the value in its place`);
  }
}

/** A misplaced `?` can make a part of the password a name, so only a plain name is repeated. */
function describeName(name: string): string {
  return /^[A-Za-z][A-Za-z0-9_.-]{0,31}$/.test(name)
    ? name
    : 'with special characters (is a ? in the password? write %3F)';
}
