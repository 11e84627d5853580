import type { z } from 'zod';
import { findNearestName } from '../protocol/nearest-name.js';

/** The schema of options, as far as the search needs it: objects with their members, and the wrappers of zod. */
interface Definition {
  readonly type: string;
  readonly shape?: Readonly<Record<string, z.core.$ZodType>>;
  readonly catchall?: z.core.$ZodType;
  readonly innerType?: z.core.$ZodType;
  readonly element?: z.core.$ZodType;
  readonly in?: z.core.$ZodType;
  readonly out?: z.core.$ZodType;
  readonly options?: readonly z.core.$ZodType[];
}

/** An option that the schema does not know, or a value in place of an object of options. */
export interface OptionFault {
  readonly path: readonly string[];
  readonly message: string;
}

/**
 * Finds the first option at any level that a strict schema does not know. Runs before the validation: an unknown option
 * is often a misspelt required option. Also finds an object that has its options in another form, such as a Map, which
 * the validation would read as an object without options.
 */
export function findUnknownOption(schema: z.core.$ZodType, options: unknown): OptionFault | undefined {
  return search(schema, options, [], schema);
}

function search(
  schema: z.core.$ZodType,
  value: unknown,
  path: readonly string[],
  root: z.core.$ZodType,
): OptionFault | undefined {
  const definition = schema._zod.def as Definition;
  if (definition.type === 'pipe') {
    return visit(definition.in, value, path, root) ?? visit(definition.out, value, path, root);
  }
  if (definition.innerType !== undefined) return search(definition.innerType, value, path, root);
  if (definition.type === 'union') {
    const isList = ({ _zod }: z.core.$ZodType): boolean => (_zod.def as Definition).type === 'array';
    const choice = definition.options?.find((option) => isList(option) === Array.isArray(value));
    return visit(choice, value, path, root);
  }
  if (definition.type === 'array' && Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      const fault = visit(definition.element, item, [...path, String(index)], root);
      if (fault !== undefined) return fault;
    }
    return undefined;
  }
  if (definition.shape === undefined || typeof value !== 'object' || value === null) return undefined;
  return searchObject(definition, value, path, root);
}

function visit(
  schema: z.core.$ZodType | undefined,
  value: unknown,
  path: readonly string[],
  root: z.core.$ZodType,
): OptionFault | undefined {
  return schema === undefined ? undefined : search(schema, value, path, root);
}

function searchObject(
  { shape = {}, catchall }: Definition,
  value: object,
  path: readonly string[],
  root: z.core.$ZodType,
): OptionFault | undefined {
  const known = Object.keys(shape);
  if (isCollection(value)) {
    return { path, message: `must be a plain object of options, not a ${value.constructor.name}` };
  }
  if (typeof Reflect.get(value, 'then') === 'function') return { path, message: 'is a promise: await it first' };
  if (Array.isArray(value)) return undefined; // The schema has a message for it.
  const isStrict = (catchall?._zod.def as Definition | undefined)?.type === 'never';
  const unknown = isStrict ? listNames(value).find((name) => !Object.hasOwn(shape, name)) : undefined;
  if (unknown !== undefined) {
    return { path: [...path, unknown], message: `there is no such option${suggest(unknown, known, path, root)}` };
  }
  for (const name of known) {
    const fault = visit(shape[name], Reflect.get(value, name), [...path, name], root);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function isCollection(value: object): boolean {
  return [Map, Set, WeakMap, Headers, URLSearchParams, Date, RegExp, URL].some((Kind) => value instanceof Kind);
}

/** The names of the own members, and of the accessors that an instance of a class inherits. */
function listNames(value: object): string[] {
  const names = Object.keys(value);
  for (let from = Object.getPrototypeOf(value); from !== null; from = Object.getPrototypeOf(from)) {
    if (from === Object.prototype) break;
    for (const [name, { get }] of Object.entries(Object.getOwnPropertyDescriptors(from))) {
      if (get !== undefined && !names.includes(name)) names.push(name);
    }
  }
  return names;
}

/** The nearest option of the same object, or an option of the same name in another object. */
function suggest(name: string, known: readonly string[], path: readonly string[], root: z.core.$ZodType): string {
  const prefix = path.map((part) => `${part}.`).join('');
  const nearest = findNearestName(name, known);
  if (nearest !== undefined) return `; did you mean ${prefix}${nearest}?`;
  const elsewhere = listPaths(root, []).find((other) => other.at(-1) === name);
  if (elsewhere !== undefined) return `; did you mean ${elsewhere.join('.')}?`;
  return `; the options are ${known.join(', ')}`;
}

/** The paths of all options outside of arrays. */
function listPaths(schema: z.core.$ZodType | undefined, path: readonly string[]): ReadonlyArray<readonly string[]> {
  if (schema === undefined) return [];
  const definition = schema._zod.def as Definition;
  if (definition.type === 'pipe') return [...listPaths(definition.in, path), ...listPaths(definition.out, path)];
  if (definition.innerType !== undefined) return listPaths(definition.innerType, path);
  if (definition.type === 'union') return definition.options?.flatMap((option) => listPaths(option, path)) ?? [];
  return Object.entries(definition.shape ?? {}).flatMap(([name, member]) => {
    const own = [...path, name];
    return [own, ...listPaths(member, own)];
  });
}
