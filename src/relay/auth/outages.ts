import type { RelayError } from '../errors.js';
import { getSharedWeakMap } from '../shared-state.js';

/*
 * Outages of hooks in `anyOf` that did not decide the request. The operator must learn about them: a hook may be down
 * for days while the next hook admits all requests.
 */

const outages = getSharedWeakMap<AbortSignal, RelayError[]>('outages');

/** Records an outage for the hook call with this signal. */
export function recordOutage(signal: AbortSignal, outage: RelayError): void {
  const noted = outages.get(signal);
  if (noted === undefined) outages.set(signal, [outage]);
  else noted.push(outage);
}

export function recordedOutages(signal: AbortSignal): readonly RelayError[] {
  return outages.get(signal) ?? [];
}
