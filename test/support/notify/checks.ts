import { inspect } from 'node:util';
import { expect } from 'vitest';
import type { Push, PushOutcome } from '../../../src/relay/notify/contract.js';

/** A push with a token, and defaults for all other members. `expiresAt` is a fixed day of the year 2100. */
export function pushOf(
  tokenData: string,
  { type = 'test', expiresAt = 4_102_444_800_000, signal = live() } = {},
): Push {
  return { type, tokenData, expiresAt, signal };
}

/** A signal that never aborts. */
export function live(): AbortSignal {
  return new AbortController().signal;
}

/** Fails if a value contains a secret, or 12 characters of a secret. Inspects hidden members of errors as well. */
export function expectNoSecret(value: unknown, secrets: readonly string[]): void {
  const text = inspect(value, { depth: 20, showHidden: true, maxStringLength: null }) + (JSON.stringify(value) ?? '');
  for (const secret of secrets) {
    for (let at = 0; at + 12 <= secret.length; at += 6) expect(text.includes(secret.slice(at, at + 12))).toBe(false);
  }
}

/** Fails unless the code of an outcome, if any, is a plain word. */
export function expectPlainCode(outcome: PushOutcome): void {
  if ('code' in outcome) expect(outcome.code).toMatch(/^[A-Za-z0-9_]{1,64}$/);
}

/** The message of the TypeError that a factory throws. */
export function refusalOf(construct: () => unknown): string {
  try {
    construct();
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError);
    return error instanceof Error ? error.message : '';
  }
  throw new Error('The options were accepted.');
}
