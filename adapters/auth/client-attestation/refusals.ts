import { challenge } from '../../../src/relay/auth/challenge.js';
import type { AuthenticationInput } from '../../../src/relay/auth/contract.js';
import { createNonce } from '../../../src/relay/auth/nonce.js';
import { RelayError } from '../../../src/relay/errors.js';
import { DPOP_NONCE } from '../shared/dpop.js';
import { CHALLENGE_HEADER, ERRORS, NONCE_HEADER, SCHEME } from './draft.js';

/*
 * A check that fails throws a Refusal; the hook makes it a 401 at its edge, where it knows the request. A Refusal holds
 * a sentence of ours and nothing that was received: errors of jose carry the claims, so they are not passed on.
 */

/** The secrets of the relay's challenges for Client Attestation PoPs. */
export const CHALLENGE_PURPOSE = 'client-attestation challenge';

/** Why a request is refused: the draft's error, or that there was nothing to check, and a sentence for developers. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  constructor(
    readonly reason: 'absent' | keyof typeof ERRORS,
    sentence: string,
  ) {
    super(sentence);
  }
}

/** Something about the attestation or its proof of possession that does not hold. */
export function invalid(sentence: string): Refusal {
  return new Refusal('invalid', sentence);
}

/** What the answers of one hook are made of. */
export interface ChallengeSettings {
  /** False if the hook takes no part in challenges. */
  readonly challenges: boolean;
  /** The algorithms of DPoP proofs, for the `algs` of RFC 9449 §7.1. */
  readonly dpopAlgorithms: readonly string[];
}

/** The 401 for a refusal (draft §7.4; RFC 6750 §3.1: no `error` where nothing was sent), with a fresh challenge (§6.2). */
export function toRelayError(
  { reason, message }: Refusal,
  { relay }: AuthenticationInput,
  parts: ChallengeSettings,
): RelayError {
  const resource_metadata = relay.metadataUrl();
  const fresh = (purpose: string): string => createNonce(relay.secrets(purpose), relay.clock());
  const headers: [string, string][] =
    reason === 'nonce'
      ? [
          challenge('DPoP', { error: ERRORS.nonce, algs: parts.dpopAlgorithms.join(' '), resource_metadata }),
          [NONCE_HEADER, fresh(DPOP_NONCE)],
        ]
      : [challenge(SCHEME, { error: reason === 'absent' ? undefined : ERRORS[reason], resource_metadata })];
  if (parts.challenges) headers.push([CHALLENGE_HEADER, fresh(CHALLENGE_PURPOSE)]);
  return new RelayError(reason === 'absent' ? 'attestation_required' : 'attestation_invalid', {
    headers,
    detail: message,
  });
}
