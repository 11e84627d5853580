import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { VerifyEvidence } from './evidence.js';
import { googleAccessToken, type ServiceAccount } from './google-access-token.js';

/** What {@link playIntegrity} takes. */
export interface PlayIntegrityOptions {
  readonly packageName: string;
  /** SHA-256 of the certificates that the app is signed with, base64url: the Play Console shows them in hex. */
  readonly certificateDigests: readonly string[];
  /** The account that may decode tokens. */
  readonly serviceAccount: ServiceAccount;
  /** Seconds for which a token is good. Default 120. */
  readonly maxAgeSeconds?: number | undefined;
  /** Default `https://playintegrity.googleapis.com`. */
  readonly origin?: string | undefined;
  /** Unix time in ms. Default: the system clock. */
  readonly clock?: (() => number) | undefined;
}

/** What Google's answer holds. A verdict that was not evaluated lacks its details. */
const answer = z.object({
  tokenPayloadExternal: z.object({
    requestDetails: z.object({
      requestPackageName: z.string(),
      requestHash: z.string().optional(),
      timestampMillis: z.coerce.number(),
    }),
    appIntegrity: z.object({
      appRecognitionVerdict: z.string(),
      packageName: z.string().optional(),
      certificateSha256Digest: z.array(z.string()).default([]),
    }),
    deviceIntegrity: z.object({ deviceRecognitionVerdict: z.array(z.string()).default([]) }),
  }),
});

type Verdicts = z.output<typeof answer>['tokenPayloadExternal'];

const SCOPE = 'https://www.googleapis.com/auth/playintegrity';

/** Seconds by which Google's clock and ours may be off. */
const TOLERANCE_SECONDS = 30;

/**
 * Verifies tokens of Google Play Integrity, of the standard request, whose `requestHash` is base64url of SHA-256 over
 * `bound`. Google decodes them, and so learns of each share: the core verdicts tell no two devices apart, but do not ask
 * for more (recent device activity, device recall). Checked: package, `requestHash`, age, that the app is the one of
 * the Play store and signed as it should be, that the device passes MEETS_DEVICE_INTEGRITY. Not checked: the licence.
 *
 * A token that Google cannot read is refused; anything else that Google answers means that it could not be found out,
 * and throws an Error.
 */
export function playIntegrity(options: PlayIntegrityOptions): VerifyEvidence {
  const { packageName, serviceAccount, origin = 'https://playintegrity.googleapis.com', clock = Date.now } = options;
  const accessToken = googleAccessToken(serviceAccount, SCOPE, clock);
  const url = `${origin}/v1/${encodeURIComponent(packageName)}:decodeIntegrityToken`;

  return async (evidence, bound, signal = AbortSignal.timeout(3000)) => {
    const response = await fetch(url, {
      method: 'POST',
      headers: { Authorization: `Bearer ${await accessToken(signal)}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({ integrityToken: evidence }),
      redirect: 'error',
      signal,
    });
    if (response.status === 400) return false;
    if (!response.ok) throw new Error(`Play Integrity answered ${response.status}.`);
    const { success, data } = answer.safeParse(await response.json());
    if (!success) throw new Error('Play Integrity answered with something else than verdicts.');
    return isGenuine(data.tokenPayloadExternal, bound, clock(), options);
  };
}

function isGenuine(
  { requestDetails, appIntegrity, deviceIntegrity }: Verdicts,
  bound: string,
  now: number,
  { packageName, certificateDigests, maxAgeSeconds = 120 }: PlayIntegrityOptions,
): boolean {
  const ageSeconds = (now - requestDetails.timestampMillis) / 1000;
  return (
    requestDetails.requestPackageName === packageName &&
    requestDetails.requestHash === createHash('sha256').update(bound).digest('base64url') &&
    ageSeconds <= maxAgeSeconds &&
    ageSeconds >= -TOLERANCE_SECONDS &&
    appIntegrity.appRecognitionVerdict === 'PLAY_RECOGNIZED' &&
    appIntegrity.packageName === packageName &&
    appIntegrity.certificateSha256Digest.some((digest) => certificateDigests.includes(digest)) &&
    deviceIntegrity.deviceRecognitionVerdict.includes('MEETS_DEVICE_INTEGRITY')
  );
}
