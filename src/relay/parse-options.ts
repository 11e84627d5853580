import type { z } from 'zod';

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
  const result = schema.safeParse(options, { error: describeType });
  if (result.success) return result.data;
  const { issues } = result.error;
  const issue = issues.find(({ code }) => code === 'unrecognized_keys') ?? issues[0];
  const path = name === '' ? [] : [name];
  if (issue !== undefined) path.push(...issue.path.map(String));
  if (issue?.code === 'unrecognized_keys') {
    path.push(...issue.keys.slice(0, 1));
    throw new TypeError(`${path.join('.')}: there is no such option`);
  }
  throw new TypeError(`${path.length === 0 ? 'options' : path.join('.')}: ${issue?.message ?? 'is invalid'}`);
}

const TYPES: Readonly<Record<string, string>> = {
  string: 'a string',
  array: 'an array',
  object: 'an object',
  boolean: 'true or false',
  number: 'a number',
  int: 'a whole number',
};

/** The message for a value of the wrong type, if the schema has no message. */
function describeType(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code !== 'invalid_type') return undefined;
  const type = TYPES[issue.expected] ?? 'of another type';
  return issue.input === undefined ? `is required and must be ${type}` : `must be ${type}`;
}
