import { type ChallengeParameters, challenge } from '../../../src/relay/auth/challenge.js';
import type { AuthenticationInput } from '../../../src/relay/auth/contract.js';
import { RelayError } from '../../../src/relay/errors.js';
import type { Settings } from './settings.js';

/** The schemes of the Authorization header that a relay may take (RFC 6750 §2.1, RFC 9449 §7.1). */
export type Scheme = 'Bearer' | 'DPoP';

/** Makes the refusals of one request, with the challenges that belong to them. */
export interface Answers {
  /** No credentials of ours: challenges without `error` (RFC 6750 §3.1). */
  missing(): RelayError;
  /** Bad credentials. `error` goes into the challenge of the scheme that was used. */
  invalid(scheme: Scheme, error: DpopError | 'invalid_token', description: string, nonce?: string): RelayError;
  /** Good credentials for too little (RFC 6750 §3.1). */
  insufficient(scheme: Scheme, needed: readonly string[]): RelayError;
}

/** Errors of RFC 9449 §12.3. */
export type DpopError = 'invalid_dpop_proof' | 'use_dpop_nonce';

/** The schemes that settings accept. */
export function schemesOf({ dpop }: Settings): readonly Scheme[] {
  if (dpop === 'off') return ['Bearer'];
  return dpop === 'required' ? ['DPoP'] : ['Bearer', 'DPoP'];
}

/** Makes the refusals of a request. */
export function answersFor(settings: Settings, input: AuthenticationInput): Answers {
  function challenges(used: Scheme | undefined, parameters: ChallengeParameters): [string, string][] {
    return schemesOf(settings).map((scheme) =>
      challenge(scheme, {
        ...(scheme === used ? parameters : {}),
        algs: scheme === 'DPoP' ? settings.proofs.algorithms.join(' ') : undefined,
        resource_metadata: input.relay.metadataUrl(),
      }),
    );
  }

  return {
    missing: () => new RelayError('token_required', { headers: challenges(undefined, {}) }),
    invalid(scheme, error, description, nonce) {
      // With proofs required, the challenge of Bearer is not given, and the error stands in the other.
      const used = schemesOf(settings).includes(scheme) ? scheme : 'DPoP';
      const headers = challenges(used, { error, error_description: description });
      if (nonce !== undefined) headers.push(['DPoP-Nonce', nonce]);
      return new RelayError('token_invalid', { headers });
    },
    insufficient(scheme, needed) {
      const headers = challenges(scheme, { error: 'insufficient_scope', scope: needed.join(' ') });
      return new RelayError('forbidden', { headers: headers.filter(([, value]) => value.startsWith(scheme)) });
    },
  };
}
