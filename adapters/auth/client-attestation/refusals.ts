import { challenge } from '../../../src/relay/auth/challenge.js';
import type { AuthenticationInput } from '../../../src/relay/auth/contract.js';
import { createNonce } from '../../../src/relay/auth/nonce.js';
import { RelayError } from '../../../src/relay/errors.js';
import { DPOP_NONCE } from '../shared/dpop.js';
import { CHALLENGE_HEADER, ERRORS, NONCE_HEADER, SCHEME } from './draft.js';

/*
 * A failed check throws a Refusal, and the hook turns the Refusal into a 401. A Refusal holds a fixed message and no
 * received value. Errors of jose carry claims, so the hook never passes them on.
 */

/** The secrets of the relay's challenges for Client Attestation PoPs. */
export const CHALLENGE_PURPOSE = 'client-attestation challenge';

/** `reason` selects the draft's error. The message is for developers. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  constructor(
    readonly reason: 'absent' | keyof typeof ERRORS,
    message: string,
  ) {
    super(message);
  }
}

/** The refusal for an invalid attestation or an invalid proof of possession. */
export function invalid(message: string): Refusal {
  return new Refusal('invalid', message);
}

export interface ChallengeSettings {
  /** False if the hook issues no challenges. */
  readonly enabled: boolean;
  /** The algorithms of DPoP proofs, for the `algs` of RFC 9449 §7.1. */
  readonly dpopAlgorithms: readonly string[];
}

/**
 * The 401 for a refusal (draft §7.4), with a fresh challenge (§6.2). Without an attestation the challenge has no
 * `error` (RFC 6750 §3.1).
 */
export function toRelayError(
  { reason, message }: Refusal,
  { relay }: AuthenticationInput,
  challenges: ChallengeSettings,
): RelayError {
  const resource_metadata = relay.metadataUrl();
  const createFresh = (purpose: string): string => createNonce(relay.secrets(purpose), relay.clock());
  const headers: [string, string][] =
    reason === 'nonce'
      ? [
          challenge('DPoP', { error: ERRORS.nonce, algs: challenges.dpopAlgorithms.join(' '), resource_metadata }),
          [NONCE_HEADER, createFresh(DPOP_NONCE)],
        ]
      : [challenge(SCHEME, { error: reason === 'absent' ? undefined : ERRORS[reason], resource_metadata })];
  if (challenges.enabled) headers.push([CHALLENGE_HEADER, createFresh(CHALLENGE_PURPOSE)]);
  return new RelayError(reason === 'absent' ? 'attestation_required' : 'attestation_invalid', {
    headers,
    detail: message,
    reason: message,
  });
}
