import { z } from 'zod';
import { SIGNATURE_ALGORITHMS } from './jws.js';

/* Schemas of options that both OAuth adapters have. */

/**
 * Default of `clockToleranceSeconds`. Devices date their proofs, and the clock of a phone may be off by many seconds.
 */
const CLOCK_TOLERANCE_SECONDS = 30;

const DAY_SECONDS = 86_400;

export const text = z.string().min(1, 'must not be empty');

/** One string, or a list of strings, as a list. */
export const texts = z.union([text.transform((one) => [one]), z.array(text)], 'must be a string or a list of strings');

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

/** The message for `ca` beside `fetch`. */
export const CA_WITH_FETCH = 'cannot be combined with fetch: configure the certificate authorities in your own fetch';
