import { type AuthenticationHook, isHookFactory } from './contract.js';

/** Throws a TypeError unless a value is a function that can be a hook. `path` is the start of the message. */
export function assertHook(path: string, hook: unknown): asserts hook is AuthenticationHook {
  if (Array.isArray(hook))
    throw new TypeError(`${path}: takes hooks as arguments, not in a list; write ${path}(...hooks)`);
  if (hook instanceof Promise) throw new TypeError(`${path}: is a Promise: await the function that creates the hook`);
  if (typeof hook !== 'function') throw new TypeError(`${path}: every hook must be a function`);
  if (!isHookFactory(hook)) return;
  throw new TypeError(`${path}: ${hook.name} creates a hook and is none itself; call it: ${hook.name}(…)`);
}

/** Throws a TypeError if the relay would end a hook before the hook's own time limit. */
export function assertHookTimeout(hook: AuthenticationHook, hookTimeoutMs: number): void {
  const { timeoutMs } = hook;
  if (timeoutMs === undefined || timeoutMs <= hookTimeoutMs) return;
  throw new TypeError(
    `hookTimeoutMs: must not be less than the timeoutMs of a hook (${timeoutMs}), which would never apply`,
  );
}
