import { findNearestName } from '../protocol/nearest-name.js';

/** Describes what is wrong with a value; `undefined` for a valid value. */
export type Check = (value: unknown) => string | undefined;

/** A check for each option. */
export type Checks<Options> = Readonly<Record<keyof Options, Check>>;

/**
 * Throws a TypeError with the path of the option if an option is unknown or invalid. The message repeats no value,
 * because a value may be a secret.
 */
export function checkOptions<Options extends object>(path: string, options: Options, checks: Checks<Options>): void {
  if (!isObject(options)) throw new TypeError(`${path}: must be an object with options`);
  if ('aborted' in options) throw new TypeError(`${path}: must be { signal }, not the signal itself`);
  const names = Object.keys(checks);
  for (const name of Object.keys(options)) {
    if (names.includes(name)) continue;
    const nearest = findNearestName(name, names);
    const hint = nearest === undefined ? `the options are ${names.join(', ')}` : `did you mean ${nearest}?`;
    throw new TypeError(`${path}.${name}: there is no such option; ${hint}`);
  }
  for (const [name, check] of Object.entries<Check>(checks)) {
    const value = (options as Readonly<Record<string, unknown>>)[name];
    const problem = value === undefined ? undefined : check(value);
    if (problem !== undefined) throw new TypeError(`${path}.${name}: ${problem}`);
  }
}

/** True for an object that is not an array. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A whole number of a unit. */
export function inUnit(unit: string, minimum: number, maximum: number): Check {
  return (value) =>
    typeof value === 'number' && value >= minimum && value <= maximum && value % 1 === 0
      ? undefined
      : `must be a whole number of ${unit}, from ${minimum} to ${maximum}`;
}

export const checkFunction: Check = (value) => (typeof value === 'function' ? undefined : 'must be a function');

export const checkBoolean: Check = (value) => (typeof value === 'boolean' ? undefined : 'must be true or false');

export const checkText: Check = (value) =>
  typeof value === 'string' && value !== '' ? undefined : 'must be a text that is not empty';

export function isOneOf(...texts: readonly string[]): Check {
  const list = texts.map((text) => `'${text}'`).join(', ');
  return (value) => (texts.includes(value as string) ? undefined : `must be one of ${list}`);
}

/** An object with exactly these members. */
export function hasMembers(members: Readonly<Record<string, Check>>): Check {
  const names = Object.keys(members);
  return (value) => {
    if (!isObject(value)) return `must be an object with ${names.join(' and ')}`;
    const unknown = Object.keys(value).find((name) => !names.includes(name));
    const nearest = unknown === undefined ? undefined : findNearestName(unknown, names);
    if (unknown !== undefined)
      return `has no member ${unknown}; ${nearest === undefined ? `the members are ${names.join(', ')}` : `did you mean ${nearest}?`}`;
    for (const name of names) {
      const problem = value[name] === undefined ? 'is required' : members[name]?.(value[name]);
      if (problem !== undefined) return `${name} ${problem}`;
    }
    return undefined;
  };
}
