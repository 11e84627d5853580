import { z } from 'zod';
import { egressOptions } from '../../shared/egress.js';
import { certificates, timeout } from '../../shared/option-schemas.js';
import { SIGNATURE_ALGORITHMS } from './jws.js';

/* Schemas of options that both OAuth adapters have. */

/**
 * Default of `clockToleranceSeconds`. Devices date their proofs, and the clock of a phone may be off by many seconds.
 */
const CLOCK_TOLERANCE_SECONDS = 30;

const DAY_SECONDS = 86_400;

export const text = z.string().min(1, 'must not be empty');

/** One string, or a list of strings, as a list. */
export const texts = z.union([text.transform((one) => [one]), z.array(text)], {
  error: ({ input }) => {
    if (Array.isArray(input) && input.includes(undefined)) {
      return 'has an item that is undefined: is the environment variable set?';
    }
    return input === '' ? 'must not be empty' : 'must be a string or a list of strings';
  },
});

export function wholeNumber(least: number, most: number) {
  const message = `must be a whole number from ${least} to ${most}`;
  return z.int(message).min(least, message).max(most, message);
}

export function oneOf<const Choices extends readonly string[]>(choices: Choices) {
  return z.enum(choices, `must be one of ${choices.join(', ')}`);
}

export function callback<Callback>() {
  return z.custom<Callback>((value) => typeof value === 'function', 'must be a function').optional();
}

/** JWS algorithms with a public key. A shared secret could not tell the issuer from the relay. */
export function algorithms(defaults: readonly string[]) {
  return z
    .array(oneOf(SIGNATURE_ALGORITHMS))
    .min(1, 'must not be empty')
    .default([...defaults]);
}

/** Options of a fetched key set, and of the requests that fetch it. */
export const keySetOptions = {
  jwksMaxAgeSeconds: wholeNumber(1, DAY_SECONDS).default(600),
  jwksCooldownSeconds: wholeNumber(1, 3600).default(5),
  jwksStaleIfErrorSeconds: wholeNumber(0, 7 * DAY_SECONDS).default(0),
  clockToleranceSeconds: wholeNumber(0, 300).default(CLOCK_TOLERANCE_SECONDS),
};

/** Options of the requests of a hook. */
export const requestOptions = {
  ...egressOptions,
  ca: certificates.optional(),
  timeoutMs: timeout(60_000).default(2000),
};

/** Options of {@link requestOptions} that `fetch` replaces. */
const REPLACED_BY_FETCH = ['ca', 'agent', 'proxy'] as const;

/** Yields the options that have no effect beside `fetch`. */
export function* findFetchConflicts(
  options: { readonly fetch?: unknown } & { readonly [Name in (typeof REPLACED_BY_FETCH)[number]]?: unknown },
): Generator<[(typeof REPLACED_BY_FETCH)[number], string]> {
  if (options.fetch === undefined) return;
  for (const name of REPLACED_BY_FETCH) {
    if (options[name] !== undefined) yield [name, 'cannot be combined with fetch: configure it in your own fetch'];
  }
}
