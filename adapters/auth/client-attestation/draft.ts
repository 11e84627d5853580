/*
 * The names that draft-ietf-oauth-attestation-based-client-auth defines and may still change. This project follows the
 * editor's copy on its way to -12 (autumn 2026). Differences to -10: in combined mode (§5.2) a DPoP proof carries the
 * nonce of RFC 9449 in place of the draft's challenge (since -11); the header fields are Structured Field tokens in
 * place of token68, which is the same for a compact JWT (-12); attesters must set `iat` (-12).
 */

/** §4: carries the Client Attestation. */
export const ATTESTATION_HEADER = 'OAuth-Client-Attestation';

/** §5.1: carries the Client Attestation PoP. */
export const POP_HEADER = 'OAuth-Client-Attestation-PoP';

/** RFC 9449 §4.1: carries the DPoP proof. In combined mode (§5.2) the DPoP proof is the proof of possession. */
export const DPOP_HEADER = 'DPoP';

/** §6.1, §6.2: carries a fresh challenge in a response. */
export const CHALLENGE_HEADER = 'OAuth-Client-Attestation-Challenge';

/** RFC 9449 §8: carries a fresh nonce in a response. */
export const NONCE_HEADER = 'DPoP-Nonce';

/** §4: the `typ` of a Client Attestation. */
export const ATTESTATION_TYP = 'oauth-client-attestation+jwt';

/** §5.1: the `typ` of a Client Attestation PoP. */
export const POP_TYP = 'oauth-client-attestation-pop+jwt';

/** §5.1: the claim of a PoP that returns the relay's challenge. */
export const CHALLENGE_CLAIM = 'challenge';

/** The draft names no scheme for challenges of a resource server (RFC 9110 §11.1). The relay uses the header's name. */
export const SCHEME = 'OAuth-Client-Attestation';

/** §7.4: the values of `error`. */
export const ERRORS = {
  invalid: 'invalid_client_attestation',
  challenge: 'use_attestation_challenge',
  stale: 'use_fresh_attestation',
  /** RFC 9449 §9: replaces `use_attestation_challenge` in combined mode. */
  nonce: 'use_dpop_nonce',
} as const;

/** §7.6: the methods of `client_attestation_pop_methods_supported`. */
export const POP_METHODS = ['attestation_pop_jwt', 'dpop_combined'] as const satisfies readonly PopMethod[];

/** A method to prove possession of the attested key. */
export type PopMethod = 'attestation_pop_jwt' | 'dpop_combined';

/** §8, RFC 9728 §2, RFC 9449 §5.1: members of the protected resource metadata. */
export const METADATA = {
  algorithms: 'client_attestation_signing_alg_values_supported',
  popAlgorithms: 'client_attestation_pop_signing_alg_values_supported',
  popMethods: 'client_attestation_pop_methods_supported',
  dpopAlgorithms: 'dpop_signing_alg_values_supported',
} as const;
