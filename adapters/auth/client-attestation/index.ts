import { decodeProtectedHeader } from 'jose';
import type { AuthenticationHook, AuthenticationInput, Principal } from '../../../src/relay/auth/contract.js';
import { ATTESTATION_HEADER, ATTESTATION_TYP, METADATA } from './draft.js';
import { isCompactJwt, verifyAttestation } from './jwt.js';
import { createKeyFinder } from './keys.js';
import { type ClientAttestationOptions, resolveOptions, type Settings } from './options.js';
import { readProof, verifyProof } from './proof.js';
import { invalid, Refusal, toRelayError } from './refusals.js';

export type { PopMethod } from './draft.js';
export type { Fetch, FetchInit } from './jwks.js';
export type { AttestationClaims, AttestationHeader, AttesterKey, ResolveKey } from './keys.js';
export type { ClientAttestationOptions } from './options.js';

/**
 * OAuth Attestation-Based Client Authentication as an additional security signal at a resource server
 * (draft-ietf-oauth-attestation-based-client-auth §7.6): the maker of an app, as the Client Attester, vouches for a key
 * of a device in a JWT, and the device proves with each request that it has the key.
 *
 * The attestation comes in `OAuth-Client-Attestation`, or in `Mailbox-Device-Attestation` if that holds a JWT of its
 * type; the proof of possession in `OAuth-Client-Attestation-PoP`, or as a `DPoP` proof made with the attested key. The
 * text followed is the editor's copy on its way to -12; clients of -10 are served as well: an attestation may lack `iat`,
 * and a DPoP proof may carry the draft's challenge as its nonce.
 *
 * The Principal names the app (`sub`) and nothing of the device. The attested key is forgotten with the request; what
 * stays, for the few minutes in which a proof could be replayed, is a digest of the key's thumbprint and the `jti`.
 * Devices should use a new key and attestation for each share (draft §11.1): the relay could not tell them apart then
 * if it wanted to. A retry of a request needs a new proof.
 *
 * Refusals are 401: `attestation_required` if no attestation was sent, else `attestation_invalid`, with the challenge
 * `OAuth-Client-Attestation realm="mailbox", error="…"` and the draft's error (§7.4): `use_attestation_challenge` for a
 * challenge that is missing or stale, `use_fresh_attestation` for an attestation that has expired, else
 * `invalid_client_attestation`; for the nonce of a DPoP proof it is `DPoP realm="mailbox", error="use_dpop_nonce"`.
 * A fresh challenge comes with each of them in `OAuth-Client-Attestation-Challenge`. `header_repeated` (400) for a
 * header sent twice; `authentication_unavailable` (503) if the attester's key could not be found out, or the trust
 * anchor is past its time;
 * `store_unavailable` (503) if the use of the proof could not be noted.
 *
 * Needs the package `jose`. Throws a TypeError that names the dotted path of an option that is wrong.
 */
export function clientAttestation(options: ClientAttestationOptions): AuthenticationHook {
  const settings = resolveOptions(options);
  const findKey = createKeyFinder(settings.source);
  const parts = { challenges: settings.challenge !== 'off', dpopAlgorithms: settings.proofs.algorithms };

  async function decide(input: AuthenticationInput): Promise<Principal> {
    // Syntax first, of both: it costs nothing.
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
      return await decide(input);
    } catch (error) {
      throw error instanceof Refusal ? toRelayError(error, input, parts) : error;
    }
  }
  return Object.assign(hook, { metadata: createMetadata(settings) });
}

/** The attestation of a request. Throws a refusal if there is none, or not one. */
function readAttestation(input: AuthenticationInput): string {
  const named = input.header(ATTESTATION_HEADER);
  const device = input.attestation();
  const other = device !== undefined && isClientAttestation(device) ? device : undefined;
  const jwt = named ?? other;
  if (jwt === undefined) throw new Refusal('absent', 'The request has no client attestation.');
  if (other !== undefined && other !== jwt) throw invalid('The request has two different client attestations.');
  if (!isCompactJwt(jwt)) throw invalid('The attestation is not a JWT.');
  return jwt;
}

/** Mailbox-Device-Attestation is opaque: anything of another kind is for other hooks. */
function isClientAttestation(text: string): boolean {
  if (!isCompactJwt(text)) return false;
  try {
    return decodeProtectedHeader(text).typ === ATTESTATION_TYP;
  } catch {
    return false;
  }
}

/** Draft §8. The lists of a relay that accepts a request without attestation, too, say more than it demands. */
function createMetadata({ algorithms, popAlgorithms, popMethods, proofs }: Settings) {
  return {
    [METADATA.algorithms]: algorithms,
    [METADATA.popAlgorithms]: popAlgorithms,
    [METADATA.popMethods]: popMethods,
    ...(proofs.algorithms.length === 0 ? {} : { [METADATA.dpopAlgorithms]: proofs.algorithms }),
  };
}
