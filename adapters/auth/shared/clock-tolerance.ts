/**
 * Seconds by which clocks may be off, unless an option says otherwise. The clocks are not those of servers only: devices
 * date their proofs of possession, and a phone may be off by more than a few seconds.
 */
export const CLOCK_TOLERANCE_SECONDS = 30;
