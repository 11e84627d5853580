import { type AuthenticationHook, deviceAttestation } from 'credential-relay';
import type { Challenges } from './challenges.js';

/**
 * Verifies what a platform says of an app on a device (App Attest, Play Integrity), and that it says so of `bound` and
 * nothing else. False if it is not to be believed. Throws if that could not be found out.
 */
export type VerifyEvidence = (evidence: string, bound: string, signal?: AbortSignal) => Promise<boolean>;

/**
 * The text that evidence is bound to: a challenge, so that it is fresh, and what it is for, so that it is good for
 * nothing else. For the attester that is the thumbprint of the key to be attested, for a relay its own public URL.
 */
export function toBoundText(challenge: string, purpose: string): string {
  return `${challenge} ${purpose}`;
}

/** What {@link rawEvidence} takes. */
export interface RawEvidenceOptions {
  /** The app that the evidence is about. */
  readonly app: string;
  /** Where the challenges come from that the host gives out, by a route of its own. */
  readonly challenges: Challenges;
  readonly verify: VerifyEvidence;
}

/**
 * Takes a platform's evidence at the relay itself: `Mailbox-Device-Attestation: {challenge}.{evidence}`.
 *
 * Privacy: think twice. Evidence of App Attest holds a key identifier, which is a handle of the device as long as the
 * app uses that key, and the relay's operator sees it next to the mailbox; Google hears of each check. The drafts want
 * an attestation that identifies no device and differs with each share (TIGRESS §5.3). An attester in the app's own
 * backend keeps all that away from the relay: see `attester.ts`. Nothing of the evidence is kept here.
 */
export function rawEvidence({ app, challenges, verify }: RawEvidenceOptions): AuthenticationHook {
  return deviceAttestation({
    async verify(attestation, { relay, signal }) {
      const [, challenge = '', evidence = ''] = /^([\w-]+)\.(.+)$/.exec(attestation) ?? [];
      // Bound to this relay: another one could ask a device for evidence with a challenge of ours.
      if (!challenges.use(challenge)) return null;
      return (await verify(evidence, toBoundText(challenge, relay.resource), signal)) ? { app } : null;
    },
  });
}
