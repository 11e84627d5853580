import { validateHeaderName, validateHeaderValue } from 'node:http';
import { isRelayError, RelayError, RelayErrorMisuse } from '../errors.js';
import { HookTimeout } from './call-hook.js';

/** A hook returned a value that is not allowed. Its message is a sentence of the relay, for the event `hook.failed`. */
export class UnusableResult extends TypeError {
  /** For `cause` of the event. */
  readonly code = 'TypeError';
}

/** The rule that the result of an authentication hook breaks. Only the shape of the result appears in the sentence. */
export function describeResult(result: unknown): string {
  try {
    return describeReadable(result);
  } catch {
    return `The hook returned an object whose members cannot be read. ${PRINCIPAL}`;
  }
}

function describeReadable(result: unknown): string {
  if (typeof result === 'function') return FACTORY;
  if (isRelayError(result)) return 'The hook returned a RelayError. Throw the error instead.';
  if (result instanceof Error) return 'The hook returned an error. Throw a RelayError instead.';
  if (typeof result !== 'object' || result === null || Array.isArray(result)) {
    return `The hook returned ${nameShape(result)}. ${PRINCIPAL}`;
  }
  const { app, scopes, via } = result as Readonly<Record<string, unknown>>;
  if (via === undefined) return `The hook returned an object without \`via\`. ${PRINCIPAL}`;
  const [member, rule] = !isTextList(via)
    ? ['via', 'an array of strings']
    : app !== undefined && typeof app !== 'string'
      ? ['app', 'a string, or absent']
      : ['scopes', 'an array of strings, or absent'];
  const value = { app, scopes, via }[member];
  const detail = Array.isArray(value) ? 'an array with other values' : nameShape(value);
  return `The hook returned an object whose \`${member}\` is ${detail}. It must be ${rule}.`;
}

/** The rule that the result of an authorization hook breaks. */
export function describeAuthorization(result: unknown): string {
  if (typeof result === 'function') return FACTORY;
  return (
    `The authorize hook returned ${nameShape(result)}. It must return nothing to admit the request, and throw a ` +
    'RelayError such as forbidden to refuse it.'
  );
}

/** A sentence about a failed hook. It contains no value of the hook, and of an error only its class name. */
export function describeHookFailure(failure: RelayError): string {
  if (failure.details.reason !== undefined) return failure.details.reason;
  if (!('cause' in failure.details)) return `The hook threw a RelayError with the code ${failure.code}.`;
  const { cause } = failure.details;
  if (cause instanceof UnusableResult || cause instanceof RelayErrorMisuse) return cause.message;
  if (cause instanceof HookTimeout) return 'The hook did not settle within hookTimeoutMs.';
  if (isPackageError(cause)) return cause.message;
  if (!wrapped.has(failure)) return `The hook threw a RelayError with the code ${failure.code}, and a cause.`;
  if (cause === undefined) return `The hook threw undefined, or a promise was rejected without an error. ${REFUSAL}`;
  return `The hook threw ${nameThrown(cause)}, which is not a RelayError. ${REFUSAL}`;
}

/** Errors that the relay made of other errors. A hook may throw a RelayError with a cause as well. */
const wrapped = new WeakSet<RelayError>();

/** The RelayError for a value that a hook threw, or for a result that is not allowed: 503. */
export function toHookFailure(thrown: unknown): RelayError {
  const cause = isReadable(thrown) ? thrown : new UnusableResult(`The hook threw an unreadable object. ${REFUSAL}`);
  if (isRelayError(cause)) return cause;
  const failure = new RelayError('authentication_unavailable', { cause });
  wrapped.add(failure);
  return failure;
}

/** False for a revoked Proxy: every look at it throws. */
function isReadable(value: unknown): boolean {
  try {
    if (typeof value === 'object' && value !== null) Reflect.getPrototypeOf(value);
    return true;
  } catch {
    return false;
  }
}

/** What of a RelayError cannot be sent: the request then gets 500. `undefined` for an error that can be sent. */
export function describeUnsendable({ code, details: { headers = [], members } }: RelayError): string | undefined {
  const [member, rule] = canSend(headers)
    ? ['members', 'an object of strings and numbers']
    : ['headers', 'an array of pairs of a valid name and a valid value'];
  if (member === 'members' && canEncode(members)) return undefined;
  return `The hook threw a RelayError with the code ${code}, whose \`${member}\` cannot be sent. It must be ${rule}.`;
}

function canSend(headers: Iterable<readonly [string, string]>): boolean {
  try {
    for (const [name, value] of headers) {
      validateHeaderName(name);
      validateHeaderValue(name, value);
    }
    return true;
  } catch {
    return false;
  }
}

function canEncode(members: unknown): boolean {
  try {
    JSON.stringify(members);
    return true;
  } catch {
    return false;
  }
}

const PRINCIPAL = "Return a principal such as { via: ['session'] }, or throw a RelayError to refuse the request.";
const FACTORY = 'The hook returned a function. It is probably a factory that was passed without its call.';
const REFUSAL = 'A hook throws a RelayError to refuse a request.';

/** An adapter could not load an optional package. Its message is a sentence with the command to install it. */
function isPackageError(cause: unknown): cause is Error {
  return cause instanceof Error && cause.name === 'PackageError';
}

function isTextList(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

/** Such as `undefined`, `true`, `a string` and `an array`. Booleans have only two values, so they hold no secret. */
function nameShape(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null || typeof value === 'boolean') return String(value);
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

function nameThrown(thrown: unknown): string {
  if (typeof thrown !== 'object' || thrown === null) return nameShape(thrown);
  try {
    const name: unknown = thrown.constructor?.name;
    if (typeof name === 'string' && /^[A-Za-z0-9_]{1,64}$/.test(name)) return `an object of the class ${name}`;
  } catch {
    // A getter of the thrown object threw.
  }
  return 'an object';
}
