import { DEVICE_ATTESTATION, DEVICE_CLAIM, REQUEST_ID } from './header-names.js';

/** Names of headers in earlier texts of the drafts, before SCT-05. The relay does not accept them. */
const EARLIER_NAMES = {
  [REQUEST_ID]: ['Mailbox-Correlation-ID', 'X-Correlation-ID'],
  [DEVICE_CLAIM]: ['deviceClaim'],
  [DEVICE_ATTESTATION]: ['deviceAttestation'],
} as const;

/**
 * A hint for a request without a required header that has the header under an earlier name; `undefined` for other
 * requests. The hint repeats no value.
 */
export function describeEarlierName(
  name: keyof typeof EARLIER_NAMES,
  isPresent: (name: string) => boolean,
): string | undefined {
  const earlier = EARLIER_NAMES[name].find(isPresent);
  return earlier && `The request has the header ${earlier}, a name of earlier drafts. Send ${name} instead.`;
}
