import type { RelayError } from '../errors.js';

/*
 * Outages of hooks that did not become the answer of a request, because another hook decided. The operator has to hear of
 * them all the same: a hook may be down for days while the next one lets everybody in.
 */

const outages = new WeakMap<AbortSignal, RelayError[]>();

/** Notes an outage for the call of hooks that has this signal. */
export function recordOutage(signal: AbortSignal, outage: RelayError): void {
  const noted = outages.get(signal);
  if (noted === undefined) outages.set(signal, [outage]);
  else noted.push(outage);
}

/** The outages that were noted for a call. */
export function recordedOutages(signal: AbortSignal): readonly RelayError[] {
  return outages.get(signal) ?? [];
}
