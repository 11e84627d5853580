import {
  type AuthenticationHook,
  type AuthenticationInput,
  markFactory,
  type Principal,
} from '../../../src/relay/auth/contract.js';
import { jose } from '../../shared/jose.js';
import { toPackageOutage } from '../shared/package-outage.js';
import { ATTESTATION_HEADER, ATTESTATION_TYP, METADATA } from './draft.js';
import { isCompactJwt, verifyAttestation } from './jwt.js';
import { createKeyFinder } from './keys.js';
import type { ClientAttestationOptions } from './options.js';
import { readProof, verifyProof } from './proof.js';
import { invalid, Refusal, toRelayError } from './refusals.js';
import { resolveOptions, type Settings } from './resolve-options.js';

export type { PopMethod } from './draft.js';
export type { Fetch, FetchInit } from './jwks.js';
export type { AttestationClaims, AttestationHeader, AttesterKey, ResolveKey } from './keys.js';
export type { ClientAttestationOptions, TrustedCertificates } from './options.js';

/**
 * Creates a hook for OAuth 2.0 Attestation-Based Client Authentication at a resource server. The maker of an app (the
 * Client Attester) signs a JWT about a key of a device, and the device proves with each request that it holds the key.
 * Requires the package `jose`.
 *
 * The attestation is in `OAuth-Client-Attestation`, or in `Mailbox-Device-Attestation` if that header holds a JWT of
 * the same type. The proof of possession is in `OAuth-Client-Attestation-PoP`, or is a `DPoP` proof by the attested
 * key. The hook follows the editor's copy of the draft on its way to -12 and also accepts clients of -10: an
 * attestation may lack `iat`, and a DPoP proof may carry the draft's challenge as its nonce.
 *
 * The principal is `{ app: sub, via: ['client-attestation'] }`. It does not identify the device. The hook keeps only a
 * digest of the key's thumbprint and the `jti`, for the minutes in which a proof could be replayed. Devices should use
 * a new key and attestation for each share (draft §11.1). A retry of a request needs a new proof.
 *
 * | Refusal | cause | `error` in the challenge (draft §7.4) |
 * | --- | --- | --- |
 * | 401 `attestation_required` | no attestation | none |
 * | 401 `attestation_invalid` | a missing or stale challenge in a PoP | `use_attestation_challenge` |
 * | 401 `attestation_invalid` | a missing or stale nonce in a DPoP proof | `use_dpop_nonce`, scheme `DPoP` |
 * | 401 `attestation_invalid` | an expired attestation | `use_fresh_attestation` |
 * | 401 `attestation_invalid` | any other fault | `invalid_client_attestation` |
 * | 400 `header_repeated` | a header was sent twice | |
 * | 503 `authentication_unavailable` | the attester's keys are unavailable, or the trust anchor is outdated | |
 * | 503 `store_unavailable` | the store did not record the use of the proof | |
 *
 * Each 401 carries a fresh challenge in `OAuth-Client-Attestation-Challenge`, unless `challenge` is `off`.
 *
 * @param options - Exactly one of `jwks`, `jwksUri`, `trustAnchors` and `resolveKey`. All other options have defaults.
 * @returns A hook for `authenticate`, with its part of the protected resource metadata (draft §8).
 * @throws {TypeError} If an option is invalid. The message begins with the path of the option.
 * @example
 * createRelay({
 *   authenticate: clientAttestation({ jwksUri: 'https://attester.example/jwks.json', apps: ['com.example.wallet'] }),
 * });
 * @see draft-ietf-oauth-attestation-based-client-auth §7.6
 */
export function clientAttestation(options: ClientAttestationOptions): AuthenticationHook {
  const settings = resolveOptions(options);
  jose.preload('clientAttestation');
  const findKey = createKeyFinder(settings.source);
  const challenges = { enabled: settings.challenge !== 'off', dpopAlgorithms: settings.proofs.algorithms };

  async function authenticate(input: AuthenticationInput): Promise<Principal> {
    const loading = jose.load('clientAttestation');
    if (loading !== undefined) await loading.catch(toPackageOutage);
    // The syntax of both headers comes first, since its check is cheap.
    const jwt = readAttestation(input);
    const proof = readProof(input, settings);
    const now = input.relay.clock();
    const policy = {
      ...settings,
      audience: settings.attestationAudience ?? [settings.audience ?? input.relay.resource],
    };
    const attestation = await verifyAttestation(jwt, (header) => findKey(header, jwt, now, input.signal), policy, now);
    await verifyProof(proof, attestation, { input, settings, now: input.relay.clock() });
    return { app: attestation.app, via: ['client-attestation'] };
  }

  async function hook(input: AuthenticationInput): Promise<Principal> {
    try {
      return await authenticate(input);
    } catch (error) {
      throw error instanceof Refusal ? toRelayError(error, input, challenges) : error;
    }
  }
  return Object.assign(hook, { metadata: createMetadata(settings), timeoutMs: options.timeoutMs });
}

/** Throws a {@link Refusal} if the request has no attestation, a malformed one, or two different ones. */
function readAttestation(input: AuthenticationInput): string {
  const clientHeader = input.header(ATTESTATION_HEADER);
  const device = input.attestation();
  const deviceHeader = device !== undefined && isClientAttestation(device) ? device : undefined;
  const jwt = clientHeader ?? deviceHeader;
  if (jwt === undefined) throw new Refusal('absent', 'The request has no client attestation.');
  if (deviceHeader !== undefined && deviceHeader !== jwt) {
    throw invalid('The request has two different client attestations.');
  }
  if (!isCompactJwt(jwt)) throw invalid('The attestation is not a JWT.');
  return jwt;
}

/** Mailbox-Device-Attestation is opaque: other hooks may read values of other kinds. */
function isClientAttestation(text: string): boolean {
  if (!isCompactJwt(text)) return false;
  const { decodeProtectedHeader } = jose.module;
  try {
    return decodeProtectedHeader(text).typ === ATTESTATION_TYP;
  } catch {
    return false;
  }
}

/** Draft §8. A relay whose other hooks accept requests without attestation publishes the same lists. */
function createMetadata({ algorithms, popAlgorithms, popMethods, proofs }: Settings) {
  return {
    [METADATA.algorithms]: algorithms,
    [METADATA.popAlgorithms]: popAlgorithms,
    [METADATA.popMethods]: popMethods,
    ...(proofs.algorithms.length === 0 ? {} : { [METADATA.dpopAlgorithms]: proofs.algorithms }),
  };
}

markFactory('clientAttestation', clientAttestation);
