import type { Agent } from 'node:http';
import type { TrustedCertificates } from '../../shared/option-schemas.js';
import type { PopMethod } from './draft.js';
import type { Fetch } from './jwks.js';
import type { ResolveKey } from './keys.js';

export type { TrustedCertificates } from '../../shared/option-schemas.js';

/**
 * Options of {@link clientAttestation}. Exactly one of `jwks`, `jwksUri`, `trustAnchors` and `resolveKey` is required:
 * it says which attesters the relay trusts.
 */
export interface ClientAttestationOptions {
  /**
   * The public keys of the attester, as a JSON Web Key Set. If an attestation names no key (`kid`), the hook tries each
   * key of its algorithm.
   */
  readonly jwks?: { readonly keys: ReadonlyArray<Readonly<Record<string, unknown>>> } | undefined;
  /** The URL of the attester's JSON Web Key Set: https, or http on loopback names. */
  readonly jwksUri?: string | URL | undefined;
  /**
   * Certificates of authorities (PEM, one or more per string). The `x5c` chain of an attestation must lead to one of
   * them. Every holder of a certificate for digital signatures from these authorities can attest every accepted app
   * (`apps`): use an authority that issues certificates for attesters only.
   */
  readonly trustAnchors?: string | readonly string[] | undefined;
  /** Your own function that finds the attester's key. */
  readonly resolveKey?: ResolveKey | undefined;
  /**
   * The accepted apps, by client identifier (`sub`). Default: every app that the attester attests. If attesters must
   * not attest each other's apps, create one hook per attester and join the hooks with `anyOf`.
   */
  readonly apps?: readonly string[] | undefined;
  /** The required `aud` of a PoP. Default: the relay's resource identifier, which is its public URL. */
  readonly audience?: string | undefined;
  /**
   * The accepted values for the `aud` of an attestation (RFC 7519 §4.1.3). An attestation without `aud` is always
   * accepted. Set this option if the attester issues attestations for an authorization server. Default: `audience`.
   */
  readonly attestationAudience?: string | readonly string[] | undefined;
  /** JWS algorithms of attestations, digital signatures only. Default: ES*, PS*, RS*, EdDSA and Ed25519. */
  readonly algorithms?: readonly string[] | undefined;
  /**
   * JWS algorithms of Client Attestation PoPs and of DPoP proofs. DPoP proofs may use ES*, EdDSA, Ed25519, PS256 and
   * RS256 at most. Default: ES*, PS*, RS*, EdDSA and Ed25519.
   */
  readonly popAlgorithms?: readonly string[] | undefined;
  /** Accepted proofs of possession. Default: both, `attestation_pop_jwt` and `dpop_combined`. */
  readonly popMethods?: readonly PopMethod[] | undefined;
  /**
   * `required`: a PoP must carry a fresh challenge of the relay, and a DPoP proof a fresh nonce. `optional`: the challenge
   * may be missing, and must be fresh if present. `off`: the hook neither issues nor checks challenges. Default
   * `required`.
   */
  readonly challenge?: 'required' | 'optional' | 'off' | undefined;
  /** Seconds after its `iat` for which a PoP is valid, from 1 to 600. Default 120. */
  readonly popMaxAgeSeconds?: number | undefined;
  /**
   * Seconds after its `iat` for which an attestation is valid, from 1 to 31,622,400 (a year). If set, an attestation must have `iat`. Default: the
   * attestation is valid until its `exp`.
   */
  readonly attestationMaxAgeSeconds?: number | undefined;
  /** Accepted difference between clocks in seconds, from 0 to 300. Applies to the clocks of devices too. Default 30. */
  readonly clockToleranceSeconds?: number | undefined;
  /**
   * Time limit for a fetch of `jwksUri` in milliseconds, from 20 to 60,000. Default 2,000. Choose less than the relay's
   * `hookTimeoutMs`, which ends the hook and its fetch.
   */
  readonly timeoutMs?: number | undefined;
  /** Seconds for which a fetched key set is used, from 1 to 86,400. Default 600. */
  readonly jwksMaxAgeSeconds?: number | undefined;
  /**
   * Seconds between two fetches because of unknown keys, after a first burst of three, from 1 to 3,600. Meanwhile an
   * attestation with an unknown key gets 503. The same time limits how often a bad signature causes a fetch. Default 5.
   */
  readonly jwksCooldownSeconds?: number | undefined;
  /**
   * Seconds after `jwksMaxAgeSeconds` for which an old key set is used while fetches fail, up to 604,800. Default 0.
   */
  readonly jwksStaleIfErrorSeconds?: number | undefined;
  /** Certificate authorities (PEM) for `jwksUri`, in place of the default ones. Cannot be combined with `fetch`. */
  readonly ca?: TrustedCertificates | undefined;
  /**
   * Connects to https servers in place of Node's own agent: an `Agent` of node:https, or such as HttpsProxyAgent. Cannot
   * be combined with `fetch`.
   */
  readonly agent?: Agent | undefined;
  /**
   * The http or https URL of an egress proxy for https servers. The proxy must support CONNECT. `false`: no proxy. Cannot
   * be combined with `agent` or `fetch`. Default: `HTTPS_PROXY` of the environment, except for the hosts in `NO_PROXY`.
   */
  readonly proxy?: string | URL | false | undefined;
  /**
   * Your own function that fetches `jwksUri`. The hook reads at most 1 MiB of the response, within `timeoutMs`.
   * Default: the global `fetch`.
   */
  readonly fetch?: Fetch | undefined;
}
