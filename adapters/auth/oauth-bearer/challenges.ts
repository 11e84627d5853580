import { type ChallengeParameters, challenge } from '../../../src/relay/auth/challenge.js';
import type { AuthenticationInput } from '../../../src/relay/auth/contract.js';
import { RelayError } from '../../../src/relay/errors.js';
import type { Settings } from './resolve-options.js';

/** Schemes of the Authorization header (RFC 6750 §2.1, RFC 9449 §7.1). */
export type Scheme = 'Bearer' | 'DPoP';

/** The errors for one request, with their `WWW-Authenticate` challenges. */
export interface Challenges {
  /** The request has no credentials for this hook. The challenges have no `error` (RFC 6750 §3.1). */
  tokenRequired(): RelayError;
  /** The credentials are invalid. `error` is in the challenge of the scheme that the client used. */
  tokenInvalid(
    scheme: Scheme,
    error: DpopErrorCode | 'invalid_token',
    description: string,
    more?: {
      readonly nonce?: string;
      /** A sentence for the operator. Default: the description. */
      readonly reason?: string;
    },
  ): RelayError;
  /** The token is valid and lacks a scope (RFC 6750 §3.1). */
  insufficientScope(scheme: Scheme, needed: readonly string[]): RelayError;
}

/** Errors of RFC 9449 §12.3. */
export type DpopErrorCode = 'invalid_dpop_proof' | 'use_dpop_nonce';

/** The accepted schemes. */
export function getSchemes({ dpop }: Settings): readonly Scheme[] {
  if (dpop === 'off') return ['Bearer'];
  return dpop === 'required' ? ['DPoP'] : ['Bearer', 'DPoP'];
}

export function createChallenges(settings: Settings, input: AuthenticationInput): Challenges {
  function challengeHeaders(used: Scheme | undefined, parameters: ChallengeParameters): [string, string][] {
    return getSchemes(settings).map((scheme) =>
      challenge(scheme, {
        ...(scheme === used ? parameters : {}),
        algs: scheme === 'DPoP' ? settings.proofs.algorithms.join(' ') : undefined,
        resource_metadata: input.relay.metadataUrl(),
      }),
    );
  }

  return {
    tokenRequired: () => new RelayError('token_required', { headers: challengeHeaders(undefined, {}) }),
    tokenInvalid(scheme, error, description, { nonce, reason = description } = {}) {
      // With `dpop: 'required'` there is no challenge for Bearer, so the error is in the challenge for DPoP.
      const used = getSchemes(settings).includes(scheme) ? scheme : 'DPoP';
      const headers = challengeHeaders(used, { error, error_description: description });
      if (nonce !== undefined) headers.push(['DPoP-Nonce', nonce]);
      return new RelayError('token_invalid', { headers, reason });
    },
    insufficientScope(scheme, needed) {
      const headers = challengeHeaders(scheme, { error: 'insufficient_scope', scope: needed.join(' ') });
      return new RelayError('forbidden', {
        headers: headers.filter(([, value]) => value.startsWith(scheme)),
        reason: `The token lacks a required scope. The profile reads ${settings.profile.scopeClaims}.`,
      });
    },
  };
}
