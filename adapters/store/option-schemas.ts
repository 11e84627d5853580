import { z } from 'zod';

const bound = z.int('must be a whole number from 1').min(1, 'must be a whole number from 1').optional();

/** The options of a store that counts its mailboxes itself. */
export const boundsSchemas = { maximumMailboxes: bound, maximumBytes: bound };

export const clockSchema = z
  .custom<() => number>((value) => typeof value === 'function', 'must be a function')
  .optional();
