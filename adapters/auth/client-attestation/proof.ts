import type { AuthenticationInput } from '../../../src/relay/auth/contract.js';
import { isFreshNonce } from '../../../src/relay/auth/nonce.js';
import { consumeDpopProof, DPOP_NONCE, DpopProofError, verifyDpopProof } from '../shared/dpop.js';
import { consumeProof } from '../shared/replay.js';
import { DPOP_HEADER, POP_HEADER, type PopMethod } from './draft.js';
import { type Attestation, isCompactJwt, verifyPop } from './jwt.js';
import { CHALLENGE_PURPOSE, invalid, Refusal } from './refusals.js';
import type { Settings } from './resolve-options.js';

/*
 * The proof of possession of the attested key: a Client Attestation PoP (§5.1) or a DPoP proof (§5.2). For both, the
 * order of the checks is: the proof, its challenge, then replay. So a rejected proof is not consumed.
 */

/** The proof of a request, not verified. */
export interface Proof {
  readonly method: PopMethod;
  readonly jwt: string;
}

export interface ProofContext {
  readonly input: AuthenticationInput;
  readonly settings: Settings;
  /** Unix time in ms, read after the search for the attester's key, which may take long. */
  readonly now: number;
}

/**
 * Reads the proof (draft §7). If the request has a PoP, the hook ignores a DPoP proof, which may belong to another
 * hook. Throws a {@link Refusal}.
 */
export function readProof(input: AuthenticationInput, { popMethods }: Settings): Proof {
  const pop = input.header(POP_HEADER);
  const jwt = pop ?? input.header(DPOP_HEADER);
  const method = pop === undefined ? 'dpop_combined' : 'attestation_pop_jwt';
  if (jwt === undefined) throw invalid('The request has an attestation without a proof of possession.');
  if (!popMethods.includes(method)) throw invalid('This relay does not accept the method of the proof of possession.');
  if (!isCompactJwt(jwt)) throw invalid('The proof of possession is not a JWT.');
  return { method, jwt };
}

/** Verifies and consumes a proof. Throws a {@link Refusal}, or `store_unavailable` if the store does not respond. */
export function verifyProof(proof: Proof, attestation: Attestation, context: ProofContext): Promise<void> {
  return proof.method === 'attestation_pop_jwt'
    ? verifyPopProof(proof.jwt, attestation, context)
    : verifyCombinedProof(proof.jwt, attestation, context);
}

async function verifyPopProof(jwt: string, attestation: Attestation, context: ProofContext): Promise<void> {
  const { input, settings, now } = context;
  const audience = settings.audience ?? input.relay.resource;
  const { jti, challenge, expiresAt } = await verifyPop(jwt, attestation, audience, settings, now);
  if (!isNonceAccepted(challenge, [CHALLENGE_PURPOSE], context)) {
    throw new Refusal('challenge', 'The proof of possession needs a fresh challenge of this relay.');
  }
  // The store keeps a digest of the thumbprint and the jti, only as long as a replay is possible. The digest does not
  // reveal the device or two visits of one device. The thumbprint keeps equal jti values of two devices apart.
  const isFirst = await consumeProof(input, 'client-attestation pop', `${attestation.thumbprint} ${jti}`, expiresAt);
  if (!isFirst) throw invalid('The proof of possession was used before.');
}

async function verifyCombinedProof(jwt: string, attestation: Attestation, context: ProofContext): Promise<void> {
  const { input, settings, now } = context;
  const { method, url } = input;
  const [, accessToken] = /^DPoP +(\S+)$/i.exec(input.header('Authorization') ?? '') ?? [];
  const proof = await verifyDpopProof(jwt, { method, url, accessToken }, settings.proofs, now).catch(
    (error: unknown) => {
      throw error instanceof DpopProofError ? invalid(error.message) : error;
    },
  );
  if (proof.thumbprint !== attestation.thumbprint) throw invalid('The proof is not signed with the attested key.');
  // Clients of -10 send the draft's challenge as the nonce, later clients send a DPoP nonce.
  if (!isNonceAccepted(proof.nonce, [DPOP_NONCE, CHALLENGE_PURPOSE], context)) {
    throw new Refusal('nonce', 'The DPoP proof needs a fresh nonce of this relay.');
  }
  if (!(await consumeDpopProof(input, proof))) throw invalid('The proof was used before.');
}

function isNonceAccepted(nonce: unknown, purposes: readonly string[], { input, settings, now }: ProofContext): boolean {
  if (settings.challenge === 'off') return true;
  if (nonce === undefined) return settings.challenge === 'optional';
  if (typeof nonce !== 'string') return false;
  return purposes.some((purpose) => isFreshNonce(nonce, input.relay.secrets(purpose), now));
}
