import { isRelayError, RelayError } from '../errors.js';
import type { HeaderField } from '../request.js';
import { getDefaultChallenge, parseScheme } from './challenge.js';
import {
  type AuthenticationHook,
  type AuthenticationInput,
  isPrincipal,
  type Principal,
  type ResourceMetadata,
} from './contract.js';
import { recordOutage } from './outages.js';

/** Lets every request in. Inside `anyOf` it makes anonymous access something that was written down. */
export function allowAnonymous(): AuthenticationHook {
  return () => ({ via: ['anonymous'] });
}

/**
 * Demands every hook, one after another; the first refusal is the answer. Scopes and `via` are united. Hooks that name
 * different apps are at odds: `forbidden` (403), so that a token of one app does not travel with the attestation of
 * another. Throws a TypeError without a hook.
 */
export function allOf(...hooks: readonly AuthenticationHook[]): AuthenticationHook {
  assertHooks('allOf', hooks);
  const combined = async (input: AuthenticationInput): Promise<Principal> => {
    let united: Principal = { via: [] };
    for (const hook of hooks) united = unite(united, await runHook(hook, input));
    return united;
  };
  return Object.assign(combined, { metadata: uniteMetadata(hooks) });
}

/**
 * Demands one hook, asked in order; the first that lets the request in is the answer. If none does, what is reported
 * is what weighs most: an outage, then 429, 403, 400, a 401 for what was sent, a 401 because nothing was sent. A 401
 * brings one challenge of each scheme. An outage that is not the answer is reported all the same, by the event
 * `hook.failed`. Throws a TypeError without a hook.
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
        refusals.push(isRelayError(error) ? error : new RelayError('authentication_unavailable', { cause: error }));
      }
    }
    answer ??= findMostSevere(refusals);
    for (const refusal of refusals) {
      if (refusal.status >= 500 && refusal !== answer) recordOutage(input.signal, refusal);
    }
    if (isRelayError(answer)) throw answer;
    return answer;
  };
  return Object.assign(combined, { metadata: uniteMetadata(hooks) });
}

function assertHooks(name: string, hooks: readonly unknown[]): void {
  if (hooks.length === 0) throw new TypeError(`${name}: needs at least one hook`);
  if (hooks.some((hook) => typeof hook !== 'function')) throw new TypeError(`${name}: every hook must be a function`);
}

async function runHook(hook: AuthenticationHook, input: AuthenticationInput): Promise<Principal> {
  // Nobody waits any more: the next hook would only use up what can be used once.
  if (input.signal.aborted) throw new RelayError('authentication_unavailable', { cause: input.signal.reason });
  const answer: unknown = await hook(input);
  if (isPrincipal(answer)) return answer;
  throw new RelayError('authentication_unavailable', { cause: new TypeError('A hook did not return a Principal.') });
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

/** How much a refusal says: an outage must never look like bad credentials. */
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

/** The headers of a 401, with the challenge that it would bring if it were alone. */
function getChallengeHeaders({ code, details: { headers = [] } }: RelayError): readonly HeaderField[] {
  const challenged = headers.some(([name]) => name.toLowerCase() === 'www-authenticate');
  return challenged ? headers : [...headers, getDefaultChallenge(code)];
}

/** One field of each name, and of challenges one of each scheme; the first stays. */
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
 * The metadata of several hooks as one: lists are united, of texts the first stays, and what is true of one hook and
 * false of another cannot be said of all.
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
