import type { AuthenticationHook, Principal, RelayErrorCode } from 'credential-relay';
import { tryCreate, watchedRelay } from './hooks.js';

/** What a relay with this hook makes of a create: the Principal, or the refusal. */
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

/** A hook that answers with one Principal. */
export const being =
  (principal: Principal): AuthenticationHook =>
  () =>
    principal;

/** A hook that says when it was asked. */
export function noting(hook: AuthenticationHook, asked: string[], name: string): AuthenticationHook {
  return (input) => {
    asked.push(name);
    return hook(input);
  };
}
