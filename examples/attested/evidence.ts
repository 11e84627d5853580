import { type AuthenticationHook, deviceAttestation } from 'credential-relay';
import type { Challenges } from './challenges.js';

/**
 * Verifies a platform's evidence about an app on a device (App Attest, Play Integrity), and its binding to the text
 * `bound`. Resolves to false for invalid evidence. Throws if the platform does not answer.
 */
export type VerifyEvidence = (evidence: string, bound: string, signal?: AbortSignal) => Promise<boolean>;

/**
 * Evidence is bound to a challenge, which makes it fresh, and to a purpose. The purpose is the thumbprint of the
 * attested key at the attester, and the public URL at a relay.
 */
export function toBoundText(challenge: string, purpose: string): string {
  return `${challenge} ${purpose}`;
}

export interface RawEvidenceOptions {
  readonly app: string;
  /** The host issues these challenges by its own route. */
  readonly challenges: Challenges;
  readonly verify: VerifyEvidence;
}

/**
 * Verifies a platform's evidence at the relay: `Mailbox-Device-Attestation: {challenge}.{evidence}`.
 *
 * Privacy: evidence of App Attest has a key identifier, which identifies the device as long as the app uses that key,
 * and the relay's operator sees it next to the mailbox. Google receives a request per check. The drafts require an
 * attestation that identifies no device and differs per share (TIGRESS §5.3). With an attester in the app's backend,
 * the relay does not see the evidence: see `attester.ts`. This hook does not store the evidence.
 */
export function rawEvidence({ app, challenges, verify }: RawEvidenceOptions): AuthenticationHook {
  return deviceAttestation({
    async verify(attestation, { relay, signal }) {
      const [, challenge = '', evidence = ''] = /^([\w-]+)\.(.+)$/.exec(attestation) ?? [];
      // Bound to this relay: another relay could request evidence from a device with our challenge.
      if (!challenges.use(challenge)) return null;
      return (await verify(evidence, toBoundText(challenge, relay.resource), signal)) ? { app } : null;
    },
  });
}
