import type { AuthenticationHook, Principal, RelayErrorCode } from 'credential-relay';
import { tryCreate, watchedRelay } from './hooks.js';

/** Returns the Principal or the refusal that a hook gives to a create. */
export async function judge(hook: AuthenticationHook) {
  let principal: Principal | undefined;
  const watched = watchedRelay({
    authenticate: hook,
    authorize: (input) => {
      principal = input.principal;
    },
  });
  const answer = await tryCreate(watched.relay);
  return { answer, principal, code: answer.json.code as RelayErrorCode | undefined, status: answer.status, ...watched };
}

/** A hook that returns one Principal. */
export const being =
  (principal: Principal): AuthenticationHook =>
  () =>
    principal;

/** A hook that records each call. */
export function noting(hook: AuthenticationHook, asked: string[], name: string): AuthenticationHook {
  return (input) => {
    asked.push(name);
    return hook(input);
  };
}
