import type { ConnectionOptions } from 'node:tls';
import { z } from 'zod';
import type { RedisCredentials } from './client-options.js';

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);

const TIME = 'must be a whole number of milliseconds from 50 to 600000; 2000 are two seconds';
const timeSchema = z.int(TIME).min(50, TIME).max(600_000, TIME).optional();

const CREDENTIALS = 'must be an object with username and password';
const textSchema = z.string('must be a string').optional();

export const optionsSchema = z.strictObject({
  timeoutMs: timeSchema,
  connectTimeoutMs: timeSchema,
  tls: z.custom<ConnectionOptions>(isObject, 'must be an object of TLS options, such as { ca }').optional(),
  sentinelCredentials: z
    .strictObject({ username: textSchema, password: textSchema }, CREDENTIALS)
    .transform((value): RedisCredentials => value)
    .optional(),
  changes: z.boolean('must be true or false').optional(),
});
