import type { AuthenticationHook } from './contract.js';

/** Throws a TypeError if the relay would end a hook before the hook's own time limit. */
export function assertHookTimeout(hook: AuthenticationHook, hookTimeoutMs: number): void {
  const { timeoutMs } = hook;
  if (timeoutMs === undefined || timeoutMs <= hookTimeoutMs) return;
  throw new TypeError(
    `hookTimeoutMs: must not be less than the timeoutMs of a hook (${timeoutMs}), which would never apply`,
  );
}
