import { z } from 'zod';
import { isLoopbackName } from '../../src/protocol/loopback.js';
import { hasUnsetPart, UNSET_PART } from '../../src/relay/unset-part.js';

/** An absolute https URL. Loopback names may use http, for development. */
export const httpsUrl = z
  .custom<string | URL>((value) => (typeof value === 'string' || value instanceof URL) && URL.canParse(String(value)), {
    error: ({ input }) => {
      if (input === undefined) return 'is required and must be a URL';
      return input === '' ? 'is empty: is the environment variable set?' : 'must be an absolute URL';
    },
    abort: true,
  })
  .refine((value) => !hasUnsetPart(String(value)), { message: UNSET_PART, abort: true })
  .transform((value) => new URL(value))
  .refine(
    ({ protocol, hostname }) => protocol === 'https:' || (protocol === 'http:' && isLoopbackName(hostname)),
    'must be an https URL; http is allowed on loopback names only',
  );
