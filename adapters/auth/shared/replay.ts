import type { AuthenticationInput } from '../../../src/relay/auth/contract.js';

/** Kept this much longer, in ms: a proof may end while it is judged, and the store may go by another clock. */
const MARGIN_MS = 5000;

/** What one request has used. Its signal is that of one call of the relay's hooks; a host may wrap it, but not both. */
interface RequestUses {
  readonly signal: AbortSignal;
  readonly noted: Map<string, Promise<boolean>>;
}

const usesByHost = new WeakMap<object, RequestUses>();

/**
 * Notes that something which counts once was used for a purpose, on all processes. However many hooks of one request ask,
 * the use is one, and all get the same answer. `goodUntil` is the Unix time in ms from which it is refused for its age.
 * False if it was used before, or if so much time has gone by since then that it could not be told. Throws
 * `store_unavailable` if the store does not answer.
 */
export function consumeProof(
  { host, signal, relay }: AuthenticationInput,
  purpose: string,
  value: string,
  goodUntil: number,
): Promise<boolean> {
  const known = usesByHost.get(host);
  const uses = known?.signal === signal ? known : { signal, noted: new Map<string, Promise<boolean>>() };
  usesByHost.set(host, uses);
  const key = JSON.stringify([purpose, value]);
  const use = uses.noted.get(key) ?? consumeInStore(relay, purpose, value, goodUntil);
  uses.noted.set(key, use);
  return use;
}

async function consumeInStore(
  relay: AuthenticationInput['relay'],
  purpose: string,
  value: string,
  goodUntil: number,
): Promise<boolean> {
  const now = relay.clock();
  // Judged before its end and stalled ever since: what was noted of an earlier use may be forgotten by now.
  if (now >= goodUntil + MARGIN_MS) return false;
  return relay.consumeOnce(purpose, value, Math.max(goodUntil, now) + MARGIN_MS);
}
