import { z } from 'zod';
import { isLoopbackName } from '../../src/protocol/loopback.js';

/** An absolute https URL. Loopback names may use http, for development. */
export const httpsUrl = z
  .custom<string | URL>((value) => (typeof value === 'string' || value instanceof URL) && URL.canParse(String(value)), {
    error: ({ input }) => (input === undefined ? 'is required and must be a URL' : 'must be an absolute URL'),
    abort: true,
  })
  .transform((value) => new URL(value))
  .refine(
    ({ protocol, hostname }) => protocol === 'https:' || (protocol === 'http:' && isLoopbackName(hostname)),
    'must be an https URL; http is allowed on loopback names only',
  );
