import { parseArguments } from '../arguments.js';

/** The parts and sizes of `npm run soak -- long-poll`. */
export const { parts, sizes } = parseArguments(['redis', 'postgres', 'held', 'unbound', 'restart'], {
  /** Waits of the notification run, and waits that start together with their update. */
  waits: 1_000,
  races: 10_000,
  /** Waiting reads at one process. */
  held: 10_000,
  /** Unbound devices. */
  unbound: 2_000,
  /** Waiting reads at the process that is restarted. */
  restart: 1_000,
});
