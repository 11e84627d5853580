import type { z } from 'zod';
import { findUnknownOption } from './unknown-options.js';

/**
 * Validates options against a schema, and fills in the defaults. Throws a TypeError whose message starts with the path
 * of the wrong option, such as `apnsNotifier.teamId: …`. The message never contains a value. An unknown option is
 * reported first, because it is often a misspelt required option. `name` is the start of each path, empty for
 * `createRelay`.
 */
export function parseOptions<Schema extends z.ZodType>(
  name: string,
  schema: Schema,
  options: unknown,
): z.output<Schema> {
  const fail = (path: readonly string[], message: string): never => {
    const full = name === '' ? path : [name, ...path];
    throw new TypeError(`${full.length === 0 ? 'options' : full.join('.')}: ${message}`);
  };
  const unknown = findUnknownOption(schema, options);
  if (unknown !== undefined) fail(unknown.path, unknown.message);
  const result = schema.safeParse(options, { error: describeIssue, reportInput: true });
  if (result.success) return result.data;
  const issues = result.error.issues.map(selectChoice);
  const issue = issues.find(({ code }) => code === 'unrecognized_keys') ?? issues[0];
  const path = (issue?.path ?? []).map(String);
  if (issue?.code === 'unrecognized_keys') return fail([...path, ...issue.keys.slice(0, 1)], 'there is no such option');
  const value = issue?.input;
  // An item of a list that is not there: `[process.env.NAME]`.
  if (value === undefined && /^\d+$/.test(path.at(-1) ?? '') && readAt(options, path) === undefined) {
    return fail(path, 'is undefined: is the environment variable set?');
  }
  return fail(path, qualify(issue?.message ?? 'is invalid', value));
}

/** The value that the caller gave at a path. The value of an issue may be the result of a transformation. */
function readAt(options: unknown, path: readonly string[]): unknown {
  let value = options;
  for (const name of path) value = value === undefined || value === null ? undefined : Reflect.get(Object(value), name);
  return value;
}

/** Of a list or object that matches no choice of a union, the issue of the member at fault. */
function selectChoice(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code !== 'invalid_union') return issue;
  const firsts = issue.errors.flatMap(([first]) => first ?? []);
  const [deepest] = firsts.sort((left, right) => right.path.length - left.path.length);
  return deepest === undefined || deepest.path.length === 0
    ? issue
    : { ...deepest, path: [...issue.path, ...deepest.path] };
}

/** Adds the probable mistake to a message: a missing `await`, or text from the environment. */
function qualify(message: string, value: unknown): string {
  if (typeof value === 'object' && value !== null && typeof Reflect.get(value, 'then') === 'function') {
    return 'is a promise: await it first';
  }
  const isText = typeof value === 'string';
  if (isText && /^must be (a whole number|a number|at )/.test(message)) {
    return `${message}, not a string: convert it with Number(…)`;
  }
  if (isText && message === 'must be true or false') return `${message}, not a string: compare it with 'true'`;
  return Number.isNaN(value) ? `${message}, not NaN: is the environment variable set?` : message;
}

const TYPES: Readonly<Record<string, string>> = {
  string: 'a string',
  array: 'an array',
  object: 'an object',
  boolean: 'true or false',
  number: 'a number',
  int: 'a whole number',
};

/** The message of an issue, if the schema has no message. No issue has the text of the validator. */
function describeIssue(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case 'invalid_type': {
      const type = TYPES[issue.expected] ?? 'of another type';
      const rule = issue.expected === 'object' ? `${type}${listMembers(issue.inst)}` : type;
      return issue.input === undefined ? `is required and must be ${rule}` : `must be ${rule}`;
    }
    case 'too_small':
      return `must be at least ${issue.minimum}`;
    case 'too_big':
      return `must be at most ${issue.maximum}`;
    case 'invalid_value':
      return `must be one of ${issue.values.map(String).join(', ')}`;
    default:
      return 'is invalid';
  }
}

/** Most names in the message for a value that is not an object. */
const MAXIMUM_NAMES = 8;

/** The names of the options of an object. */
function listMembers(schema: unknown): string {
  const { shape = {} } = (schema as { _zod?: { def?: { shape?: object } } } | undefined)?._zod?.def ?? {};
  const names = Object.keys(shape);
  return names.length === 0 || names.length > MAXIMUM_NAMES ? '' : ` with the options ${names.join(', ')}`;
}
