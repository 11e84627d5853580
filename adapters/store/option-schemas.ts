import { z } from 'zod';
import type { StoreBounds } from '../../src/relay/store/bounds.js';

const boundSchema = z.int('must be a whole number from 1').min(1, 'must be a whole number from 1').optional();

/** The options of a store that enforces bounds itself. */
export const boundsSchemas = { maximumMailboxes: boundSchema, maximumBytes: boundSchema };

export const clockSchema = z
  .custom<() => number>((value) => typeof value === 'function', 'must be a function')
  .optional();

export function resolveBounds(
  options: { readonly [Name in keyof StoreBounds]?: number | undefined },
  defaults: StoreBounds,
): StoreBounds {
  return {
    maximumMailboxes: options.maximumMailboxes ?? defaults.maximumMailboxes,
    maximumBytes: options.maximumBytes ?? defaults.maximumBytes,
  };
}
