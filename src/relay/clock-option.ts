import { z } from 'zod';

/** Unix times in this range are seconds of a date after 2001. As milliseconds they would be dates of 1970. */
const SECONDS = { least: 1e9, most: 1e11 };

/** The mistake in a value in place of a clock; `undefined` for a clock. Calls the clock once. */
function describeClockFault(value: unknown): string | undefined {
  if (typeof value !== 'function') return 'must be a function';
  const now: unknown = value();
  if (typeof now !== 'number' || !Number.isFinite(now)) return 'must return Unix time in ms, as a number';
  return now >= SECONDS.least && now < SECONDS.most ? 'must return milliseconds, not seconds' : undefined;
}

/** The option `clock` of the relay and of notifiers. */
export const clockOption = z.custom<() => number>((value) => describeClockFault(value) === undefined, {
  error: ({ input }) => describeClockFault(input),
});
