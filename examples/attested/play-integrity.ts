import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { VerifyEvidence } from './evidence.js';
import { googleAccessToken, type ServiceAccount } from './google-access-token.js';

export interface PlayIntegrityOptions {
  readonly packageName: string;
  /** SHA-256 of the app's signing certificates, in base64url. The Play Console shows them in hex. */
  readonly certificateDigests: readonly string[];
  /** The account that decodes tokens. */
  readonly serviceAccount: ServiceAccount;
  /** Default 120. */
  readonly maxAgeSeconds?: number | undefined;
  /** Default `https://playintegrity.googleapis.com`. */
  readonly origin?: string | undefined;
  /** Unix time in ms. Default: the system clock. */
  readonly clock?: (() => number) | undefined;
}

/** A verdict that Google did not evaluate has no details. */
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

/** Allowed difference to Google's clock. */
const TOLERANCE_SECONDS = 30;

/**
 * Verifies tokens of Google Play Integrity's standard request. Their `requestHash` is base64url of SHA-256 over
 * `bound`. Google decodes the tokens, and receives a request per share. The core verdicts do not distinguish devices.
 * Do not enable more verdicts (recent device activity, device recall). Checked: package, `requestHash`, age,
 * recognition by the Play store, signing certificate, MEETS_DEVICE_INTEGRITY. Not checked: the licence.
 *
 * Returns false for a token that Google cannot read. Throws an Error for any other error of Google.
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
    if (!success) throw new Error('Play Integrity answered without verdicts.');
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
