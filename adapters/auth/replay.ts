import type { RelayServices } from '../../src/auth/contract.js';

/** Kept this much longer, in ms: a proof may end while it is judged, and the store may go by another clock. */
const MARGIN_MS = 5000;

/**
 * Notes that something which counts once was used for a purpose, on all processes. `goodUntil` is the Unix time in ms
 * from which it is refused for its age. False if it was used before, or if so much time has gone by since then that it
 * could not be told. Throws `store_unavailable` if the store does not answer.
 */
export async function spend(relay: RelayServices, purpose: string, value: string, goodUntil: number): Promise<boolean> {
  const now = relay.clock();
  // Judged before its end and stalled ever since: what was noted of an earlier use may be forgotten by now.
  if (now >= goodUntil + MARGIN_MS) return false;
  return relay.firstUse(purpose, value, Math.max(goodUntil, now) + MARGIN_MS);
}
