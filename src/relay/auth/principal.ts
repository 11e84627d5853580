import type { Principal } from './contract.js';

/**
 * True for what a hook must return. Strict about `via`, so that a hook that hands on whatever the host left in
 * `ctx.state.user` does not let a request in by accident.
 */
export function isPrincipal(value: unknown): value is Principal {
  if (typeof value !== 'object' || value === null) return false;
  const { app, scopes, via } = value as Partial<Record<keyof Principal, unknown>>;
  return isTexts(via) && (app === undefined || typeof app === 'string') && (scopes === undefined || isTexts(scopes));
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
