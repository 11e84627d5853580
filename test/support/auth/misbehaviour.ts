import { SECRET } from './hooks.js';

/** A result of a hook that is neither valid nor a refusal. */
export interface Misbehaviour {
  readonly name: string;
  /** The cause in the event. */
  readonly cause: string;
  run(): unknown;
}

/** Has the name and members of a RelayError, but another class. */
class LooksLikeRelayError extends Error {
  override readonly name = 'RelayError';
  readonly code = 'forbidden';
  readonly status = 200;
  readonly details = { headers: [['X-Leak', SECRET]] };
}

const RETURNED: ReadonlyArray<readonly [name: string, value: unknown]> = [
  ['undefined', undefined],
  ['null', null],
  ['true', true],
  ['false', false],
  ['a number', 200],
  ['a string', SECRET],
  ['{}', {}],
  ['[]', []],
  ['a list of texts', [SECRET]],
  ["{via: 'x'}", { via: 'x' }],
  ['{via: [1]}', { via: [1] }],
  ['{via: undefined}', { via: undefined, app: SECRET }],
  ['{app: 1, via: []}', { app: 1, via: [] }],
  ['{app: null, via: []}', { app: null, via: [] }],
  ["{scopes: 'x', via: []}", { scopes: 'x', via: [] }],
  ['{scopes: [1], via: []}', { scopes: [1], via: [] }],
  ['a function', () => ({ via: [] })],
  ['a user of the host', { id: 1, name: SECRET }],
];

const THROWN: ReadonlyArray<readonly [name: string, value: unknown, cause: string]> = [
  ['a string', SECRET, 'string'],
  ['undefined', undefined, 'undefined'],
  ['null', null, 'object'],
  ['a number', 401, 'number'],
  ['an Error', new Error(SECRET), 'Error'],
  ['a TypeError', new TypeError(SECRET), 'TypeError'],
  ['an Error with a cause', new Error('x', { cause: { token: SECRET } }), 'Error'],
  ['an Error with a secret for a code', Object.assign(new Error('x'), { code: SECRET }), 'Error'],
  ['an AbortError', new DOMException(SECRET, 'AbortError'), 'DOMException'],
  ['an object with status 200', { status: 200, statusCode: 200, body: SECRET }, 'Object'],
  ['an object without a prototype', Object.assign(Object.create(null), { status: 200, token: SECRET }), 'Object'],
  ['what looks like a RelayError', new LooksLikeRelayError(SECRET), 'forbidden'],
  ['a Principal', { via: [SECRET] }, 'Object'],
];

/** Thrown values, synchronously and as a rejection. */
export const THROWS: readonly Misbehaviour[] = THROWN.flatMap(([name, value, cause]) => [
  {
    name: `throws ${name}`,
    cause,
    run: () => {
      throw value;
    },
  },
  { name: `rejects with ${name}`, cause, run: () => Promise.reject(value) },
]);

/** Returned values, synchronously and as a promise. */
export const RETURNS: readonly Misbehaviour[] = RETURNED.flatMap(([name, value]) => [
  { name: `returns ${name}`, cause: 'TypeError', run: () => value },
  { name: `resolves with ${name}`, cause: 'TypeError', run: () => Promise.resolve(value) },
]);
