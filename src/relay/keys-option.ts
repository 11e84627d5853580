import { z } from 'zod';
import { createServerKey, SERVER_KEY_BYTES } from './mailbox/keys.js';

const BASE64_TEXT = /^[A-Za-z0-9+/_-]+={0,2}$/;

/** The mistake in a value in place of a server key; `undefined` for a key. Never repeats the value. */
function describeKeyFault(value: unknown): string | undefined {
  if (value === undefined || value === null) return `is ${value}: is the environment variable set?`;
  if (typeof value === 'string' && value.trim() === '') return 'is empty: is the environment variable set?';
  if (typeof value === 'string' && /^[0-9a-f]{64}$/i.test(value.trim())) {
    return "is hexadecimal: pass Buffer.from(key, 'hex')";
  }
  if (typeof value === 'string' && value.includes(','))
    return 'must be one key: make one entry of the array for each key';
  const bytes = toBytes(value);
  if (bytes === undefined || bytes.length !== SERVER_KEY_BYTES) {
    return `must be ${SERVER_KEY_BYTES} bytes, or their base64url text; make one with: npx credential-relay keygen`;
  }
  return bytes.every((byte) => byte === 0) ? 'must be random: all of its bytes are zero' : undefined;
}

function toBytes(value: unknown): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value;
  if (typeof value !== 'string') return undefined;
  const text = value.replace(/\s/g, '');
  return BASE64_TEXT.test(text) ? Buffer.from(text, 'base64url') : undefined;
}

const serverKey = z
  .custom<Uint8Array | string>((value) => describeKeyFault(value) === undefined, {
    error: ({ input }) => describeKeyFault(input),
  })
  .transform((value) => createServerKey(toBytes(value) ?? new Uint8Array()));

/** The option `keys`. */
export const keysOption = z
  .array(serverKey, {
    error: ({ input }) =>
      typeof input === 'string' || input instanceof Uint8Array
        ? 'must be an array of keys: [key]'
        : 'must be an array of keys',
  })
  .min(1, 'must be an array with at least one key')
  .refine((keys) => new Set(keys.map(({ id }) => id)).size === keys.length, 'must be an array of different keys')
  .default([]);
