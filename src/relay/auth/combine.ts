import { isRelayError, RelayError } from '../errors.js';
import type { HeaderField } from '../request.js';
import { getDefaultChallenge, parseScheme } from './challenge.js';
import {
  type AuthenticationHook,
  type AuthenticationInput,
  findFactoryName,
  isPrincipal,
  markFactory,
  type Principal,
  type ResourceMetadata,
} from './contract.js';
import { describeResult, toHookFailure, UnusableResult } from './describe-failure.js';
import { recordOutage } from './outages.js';

/**
 * A hook that admits every request. In `anyOf` it makes anonymous access explicit.
 *
 * @example
 * createRelay({ publicUrl, authenticate: anyOf(bearer, allowAnonymous()) });
 */
export function allowAnonymous(): AuthenticationHook {
  return () => ({ via: ['anonymous'] });
}

/**
 * Combines hooks: the request must satisfy all of them. They run in order, and the first error ends the request. The
 * principal has the scopes and `via` of all hooks. If two hooks return different apps, the request gets `forbidden`
 * (403), so that the token of one app cannot be used with the attestation of another app.
 *
 * @throws TypeError without a hook, or if a hook is not a function
 */
export function allOf(...hooks: readonly AuthenticationHook[]): AuthenticationHook {
  assertHooks('allOf', hooks);
  const combined = async (input: AuthenticationInput): Promise<Principal> => {
    let united: Principal = { via: [] };
    for (const hook of hooks) united = unite(united, await runHook(hook, input));
    return united;
  };
  return Object.assign(combined, { metadata: uniteMetadata(hooks), timeoutMs: getLongestTimeout(hooks) });
}

/**
 * Combines hooks: the request must satisfy one of them. They run in order, and the first success ends the search. If
 * every hook fails, the client gets the most severe error: 5xx, 429, 403, 400, then 401 for an invalid credential, then
 * 401 for a missing credential. A 401 has one challenge of each scheme. The event `hook.failed` reports every outage.
 *
 * @throws TypeError without a hook, or if a hook is not a function
 */
export function anyOf(...hooks: readonly AuthenticationHook[]): AuthenticationHook {
  assertHooks('anyOf', hooks);
  const combined = async (input: AuthenticationInput): Promise<Principal> => {
    const refusals: RelayError[] = [];
    let answer: Principal | RelayError | undefined;
    for (const hook of hooks) {
      try {
        answer = await runHook(hook, input);
        break;
      } catch (error) {
        refusals.push(toHookFailure(error));
      }
    }
    answer ??= findMostSevere(refusals);
    for (const refusal of refusals) {
      if (refusal.status >= 500 && refusal !== answer) recordOutage(input.signal, refusal);
    }
    if (isRelayError(answer)) throw answer;
    return answer;
  };
  return Object.assign(combined, { metadata: uniteMetadata(hooks), timeoutMs: getLongestTimeout(hooks) });
}

/** The longest of the limits that the options of the hooks set. */
function getLongestTimeout(hooks: readonly AuthenticationHook[]): number | undefined {
  const limits = hooks.flatMap(({ timeoutMs }) => timeoutMs ?? []);
  return limits.length === 0 ? undefined : Math.max(...limits);
}

function assertHooks(name: string, hooks: readonly unknown[]): void {
  if (hooks.length === 0) throw new TypeError(`${name}: needs at least one hook`);
  for (const [index, hook] of hooks.entries()) {
    if (Array.isArray(hook)) throw new TypeError(`${name}: takes hooks, not an array: ${name}(...hooks)`);
    if (hook instanceof Promise) throw new TypeError(`${name}: argument ${index + 1} is a promise: await it first`);
    if (typeof hook !== 'function') throw new TypeError(`${name}: every hook must be a function`);
    const factory = findFactoryName(hook);
    if (factory !== undefined) {
      throw new TypeError(
        `${name}: argument ${index + 1} is the function ${factory} itself: call it, as ${factory}(…)`,
      );
    }
  }
}

async function runHook(hook: AuthenticationHook, input: AuthenticationInput): Promise<Principal> {
  // The request is over. The next hook could consume a single-use credential for nothing.
  if (input.signal.aborted) throw new RelayError('authentication_unavailable', { cause: input.signal.reason });
  const answer: unknown = await hook(input);
  if (isPrincipal(answer)) return answer;
  throw toHookFailure(new UnusableResult(describeResult(answer)));
}

function unite(one: Principal, other: Principal): Principal {
  if (one.app !== undefined && other.app !== undefined && one.app !== other.app) {
    throw new RelayError('forbidden', { detail: 'The credentials of this request belong to different apps.' });
  }
  const scopes =
    one.scopes === undefined && other.scopes === undefined ? undefined : mergeLists(one.scopes, other.scopes);
  return { app: one.app ?? other.app, scopes, via: mergeLists(one.via, other.via) };
}

function mergeLists(one: readonly string[] = [], other: readonly string[] = []): readonly string[] {
  return [...new Set([...one, ...other])];
}

/** An outage must never look like an invalid credential, so it has the highest severity. */
function getSeverity({ status, code }: RelayError): number {
  if (status >= 500) return 5;
  if (status === 429) return 4;
  if (status === 403) return 3;
  if (status !== 401) return 2;
  return code.endsWith('_required') ? 0 : 1;
}

function findMostSevere(refusals: readonly RelayError[]): RelayError {
  const [first, ...others] = [...refusals].sort((one, other) => getSeverity(other) - getSeverity(one));
  if (first === undefined) throw new TypeError('anyOf: needs at least one hook');
  if (first.status !== 401) return first;
  const headers = [first, ...others].filter(({ status }) => status === 401).flatMap(getChallengeHeaders);
  return new RelayError(first.code, { ...first.details, headers: removeDuplicates(headers) });
}

/** The headers of a 401, with the default challenge if the error has no challenge. */
function getChallengeHeaders({ code, details: { headers = [] } }: RelayError): readonly HeaderField[] {
  const challenged = headers.some(([name]) => name.toLowerCase() === 'www-authenticate');
  return challenged ? headers : [...headers, getDefaultChallenge(code)];
}

/** Keeps the first header of each name, and the first challenge of each scheme. */
function removeDuplicates(headers: readonly HeaderField[]): readonly HeaderField[] {
  const seen = new Map<string, HeaderField>();
  for (const header of headers) {
    const name = header[0].toLowerCase();
    const key = name === 'www-authenticate' ? `${name} ${parseScheme(header[1])}` : name;
    if (!seen.has(key)) seen.set(key, header);
  }
  return [...seen.values()];
}

/**
 * Merges the metadata of several hooks. Lists are united, and the first of several strings is kept. A boolean on which
 * hooks disagree is omitted.
 */
export function uniteMetadata(hooks: readonly AuthenticationHook[]): ResourceMetadata {
  const united = new Map<string, ResourceMetadata[string]>();
  const undecided = new Set<string>();
  for (const { metadata = {} } of hooks) {
    for (const [name, value] of Object.entries(metadata)) {
      const known = united.get(name);
      if (known === undefined) united.set(name, value);
      else if (isList(known) && isList(value)) united.set(name, mergeLists(known, value));
      else if (typeof value === 'boolean' && value !== known) undecided.add(name);
    }
  }
  for (const name of undecided) united.delete(name);
  return Object.fromEntries(united);
}

function isList(value: string | boolean | readonly string[]): value is readonly string[] {
  return typeof value === 'object';
}

markFactory('allowAnonymous', allowAnonymous);
markFactory('allOf', allOf);
markFactory('anyOf', anyOf);
