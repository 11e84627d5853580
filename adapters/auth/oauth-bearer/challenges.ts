import { type ChallengeParameters, challenge } from '../../../src/relay/auth/challenge.js';
import type { AuthenticationInput } from '../../../src/relay/auth/contract.js';
import { RelayError } from '../../../src/relay/errors.js';
import type { Settings } from './resolve-options.js';

/** The schemes of the Authorization header that a relay may take (RFC 6750 §2.1, RFC 9449 §7.1). */
export type Scheme = 'Bearer' | 'DPoP';

/** Makes the refusals of one request, with the challenges that belong to them. */
export interface Challenges {
  /** No credentials of ours: challenges without `error` (RFC 6750 §3.1). */
  tokenRequired(): RelayError;
  /** Bad credentials. `error` goes into the challenge of the scheme that was used. */
  tokenInvalid(scheme: Scheme, error: DpopErrorCode | 'invalid_token', description: string, nonce?: string): RelayError;
  /** Good credentials for too little (RFC 6750 §3.1). */
  insufficientScope(scheme: Scheme, needed: readonly string[]): RelayError;
}

/** Errors of RFC 9449 §12.3. */
export type DpopErrorCode = 'invalid_dpop_proof' | 'use_dpop_nonce';

/** The schemes that settings accept. */
export function getSchemes({ dpop }: Settings): readonly Scheme[] {
  if (dpop === 'off') return ['Bearer'];
  return dpop === 'required' ? ['DPoP'] : ['Bearer', 'DPoP'];
}

/** Makes the refusals of a request. */
export function createChallenges(settings: Settings, input: AuthenticationInput): Challenges {
  function challenges(used: Scheme | undefined, parameters: ChallengeParameters): [string, string][] {
    return getSchemes(settings).map((scheme) =>
      challenge(scheme, {
        ...(scheme === used ? parameters : {}),
        algs: scheme === 'DPoP' ? settings.proofs.algorithms.join(' ') : undefined,
        resource_metadata: input.relay.metadataUrl(),
      }),
    );
  }

  return {
    tokenRequired: () => new RelayError('token_required', { headers: challenges(undefined, {}) }),
    tokenInvalid(scheme, error, description, nonce) {
      // With proofs required, the challenge of Bearer is not given, and the error stands in the other.
      const used = getSchemes(settings).includes(scheme) ? scheme : 'DPoP';
      const headers = challenges(used, { error, error_description: description });
      if (nonce !== undefined) headers.push(['DPoP-Nonce', nonce]);
      return new RelayError('token_invalid', { headers });
    },
    insufficientScope(scheme, needed) {
      const headers = challenges(scheme, { error: 'insufficient_scope', scope: needed.join(' ') });
      return new RelayError('forbidden', { headers: headers.filter(([, value]) => value.startsWith(scheme)) });
    },
  };
}
