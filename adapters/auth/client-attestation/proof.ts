import type { AuthenticationInput } from '../../../src/relay/auth/contract.js';
import { isFreshNonce } from '../../../src/relay/auth/nonce.js';
import { consumeDpopProof, DPOP_NONCE, DpopProofError, verifyDpopProof } from '../shared/dpop.js';
import { consumeProof } from '../shared/replay.js';
import { DPOP_HEADER, POP_HEADER } from './draft.js';
import { type Attestation, isCompactJwt, verifyPop } from './jwt.js';
import type { Settings } from './options.js';
import { CHALLENGE_PURPOSE, invalid, Refusal } from './refusals.js';

/*
 * The proof of possession of the attested key: the draft's own (§5.1), or a DPoP proof (§5.2). In both, the order is:
 * the proof, its challenge, and last whether it was used before, so that a refused proof is not used up.
 */

/** The proof that came with a request. */
export interface SentProof {
  readonly method: 'attestation_pop_jwt' | 'dpop_combined';
  readonly jwt: string;
}

/** What a proof is checked with. */
export interface ProofContext {
  readonly input: AuthenticationInput;
  readonly settings: Settings;
  /** Unix time in ms, read after the attester's key was found, which may take its time. */
  readonly now: number;
}

/** Finds the proof (draft §7): a PoP, if there is one, leaves a DPoP proof to whom it concerns. Throws a refusal. */
export function readProof(input: AuthenticationInput, { popMethods }: Settings): SentProof {
  const pop = input.header(POP_HEADER);
  const jwt = pop ?? input.header(DPOP_HEADER);
  const method = pop === undefined ? 'dpop_combined' : 'attestation_pop_jwt';
  if (jwt === undefined) throw invalid('The attestation came without a proof of possession.');
  if (!popMethods.includes(method)) throw invalid('This way to prove possession is not accepted.');
  if (!isCompactJwt(jwt)) throw invalid('The proof of possession is not a JWT.');
  return { method, jwt };
}

/** Checks a proof and uses it up. Throws a refusal; `store_unavailable` if that cannot be noted. */
export function verifyProof(proof: SentProof, attestation: Attestation, context: ProofContext): Promise<void> {
  return proof.method === 'attestation_pop_jwt'
    ? verifyPopProof(proof.jwt, attestation, context)
    : verifyCombinedProof(proof.jwt, attestation, context);
}

async function verifyPopProof(
  jwt: string,
  attestation: Attestation,
  { input, settings, now }: ProofContext,
): Promise<void> {
  const { relay } = input;
  const { jti, challenge, expiresAt } = await verifyPop(
    jwt,
    attestation,
    settings.audience ?? relay.resource,
    settings,
    now,
  );
  if (!isNonceAccepted(challenge, [CHALLENGE_PURPOSE], { input, settings, now })) {
    throw new Refusal('challenge', 'The proof of possession needs a fresh challenge of this relay.');
  }
  // Of the key only a digest together with the jti is kept, and not longer than the proof could be replayed: nobody can
  // tell from it which device came, or that one came twice. Without the key, devices would have to fear each other's jti.
  const first = await consumeProof(input, 'client-attestation pop', `${attestation.thumbprint} ${jti}`, expiresAt);
  if (!first) throw invalid('The proof of possession was used before.');
}

async function verifyCombinedProof(
  jwt: string,
  attestation: Attestation,
  { input, settings, now }: ProofContext,
): Promise<void> {
  const { method, url } = input;
  const [, accessToken] = /^DPoP +(\S+)$/i.exec(input.header('Authorization') ?? '') ?? [];
  const proof = await verifyDpopProof(jwt, { method, url, accessToken }, settings.proofs, now).catch(
    (error: unknown) => {
      throw error instanceof DpopProofError ? invalid(error.message) : error;
    },
  );
  if (proof.thumbprint !== attestation.thumbprint) throw invalid('The proof is not made with the attested key.');
  // Clients of -10 send the draft's challenge as the nonce, later ones a DPoP nonce.
  if (!isNonceAccepted(proof.nonce, [DPOP_NONCE, CHALLENGE_PURPOSE], { input, settings, now })) {
    throw new Refusal('nonce', 'The DPoP proof needs a fresh nonce of this relay.');
  }
  if (!(await consumeDpopProof(input, proof))) throw invalid('The proof was used before.');
}

function isNonceAccepted(
  answer: unknown,
  purposes: readonly string[],
  { input, settings, now }: ProofContext,
): boolean {
  if (settings.challenge === 'off') return true;
  if (answer === undefined) return settings.challenge === 'optional';
  if (typeof answer !== 'string') return false;
  return purposes.some((purpose) => isFreshNonce(answer, input.relay.secrets(purpose), now));
}
