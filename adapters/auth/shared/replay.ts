import type { AuthenticationInput } from '../../../src/relay/auth/contract.js';
import { getSharedWeakMap } from '../../../src/relay/shared-state.js';

/** Additional time in ms for which a use is kept, for slow checks and for stores with another clock. */
const MARGIN_MS = 5000;

/** The uses of one request. Another signal for the same `host` object means another call of the relay's hooks. */
interface RequestUses {
  readonly signal: AbortSignal;
  readonly noted: Map<string, Promise<boolean>>;
}

const usesByHost = getSharedWeakMap<object, RequestUses>('proof-uses');

/**
 * Records the use of a one-time proof for a purpose, in the store that all processes share. Several hooks of one
 * request count as one use and receive the same result. `expiresAt` is the Unix time in ms at which the proof becomes
 * too old. Returns false if the proof was used before, or if the margin after `expiresAt` is over, since an earlier use
 * may be forgotten then. Throws `store_unavailable` if the store does not respond.
 */
export function consumeProof(
  { host, signal, relay }: AuthenticationInput,
  purpose: string,
  value: string,
  expiresAt: number,
): Promise<boolean> {
  const known = usesByHost.get(host);
  const uses = known?.signal === signal ? known : { signal, noted: new Map<string, Promise<boolean>>() };
  usesByHost.set(host, uses);
  const key = JSON.stringify([purpose, value]);
  const use = uses.noted.get(key) ?? consumeInStore(relay, purpose, value, expiresAt);
  uses.noted.set(key, use);
  return use;
}

async function consumeInStore(
  relay: AuthenticationInput['relay'],
  purpose: string,
  value: string,
  expiresAt: number,
): Promise<boolean> {
  const now = relay.clock();
  // The request stalled after the check of the age.
  if (now >= expiresAt + MARGIN_MS) return false;
  return relay.consumeOnce(purpose, value, Math.max(expiresAt, now) + MARGIN_MS);
}
