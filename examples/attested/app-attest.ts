import { setAppAttestRootCertificate, verifyAttestation } from 'appattest-checker-node';
import type { VerifyEvidence } from './evidence.js';

export interface AppAttestOptions {
  /** Team identifier and bundle identifier: `A1B2C3D4E5.com.example.wallet`. */
  readonly appId: string;
  /** `development` accepts only builds from Xcode. Default `production`. */
  readonly environment?: 'production' | 'development' | undefined;
  /**
   * PEM of another root certificate, for tests. The library has one root per process, so a second verifier with another
   * root throws a TypeError. Default: Apple's App Attestation root.
   */
  readonly rootCertificate?: string | undefined;
}

/** Bytes of an attestation object. Apple's have about 5,400. */
const MAXIMUM_BYTES = 12_000;

let root: string | null | undefined;

/**
 * Verifies attestations of Apple App Attest. The evidence is `{keyId}.{attestation object}`, both base64url, from
 * `DCAppAttestService.attestKey(keyId, clientDataHash: SHA256(bound))`.
 *
 * Checked (Apple, "Validating apps that connect to your server"): the certificate chain with its dates, the nonce over
 * authenticator data and `bound`, the key identifier, the app, the environment, and a signature counter of 0. Not
 * checked: revocation of certificates, and Apple's fraud metric (the receipt is ignored).
 */
export function appAttest({ appId, environment = 'production', rootCertificate }: AppAttestOptions): VerifyEvidence {
  if (!/^[A-Z0-9]{10}\.[\w.-]+$/.test(appId)) throw new TypeError('appAttest.appId: must be TEAMID.bundle.identifier');
  setRoot(rootCertificate ?? null);

  async function isValid(keyId: string, bound: Buffer, attestation: Buffer, developmentEnv: boolean): Promise<boolean> {
    const result = await verifyAttestation({ appId, developmentEnv }, keyId, bound, attestation);
    return !('verifyError' in result);
  }

  return async (evidence, bound) => {
    const [, id = '', object = ''] = /^([\w-]{43})\.([\w-]+)$/.exec(evidence) ?? [];
    if (object === '' || object.length > (MAXIMUM_BYTES * 4) / 3) return false;
    const keyId = Buffer.from(id, 'base64url').toString('base64');
    const attestation = Buffer.from(object, 'base64url');
    try {
      const development = await isValid(keyId, Buffer.from(bound), attestation, true);
      if (environment === 'development') return development;
      // For production, the library (1.0.3) compares only the first nine bytes of the AAGUID, `appattest`, which
      // development's `appattestdevelop` has as well.
      return !development && (await isValid(keyId, Buffer.from(bound), attestation, false));
    } catch {
      // Not an outage: the library throws for some malformed objects.
      return false;
    }
  };
}

function setRoot(pem: string | null): void {
  if (root !== undefined && root !== pem) {
    throw new TypeError('appAttest.rootCertificate: this process uses another root already');
  }
  root = pem;
  setAppAttestRootCertificate(pem);
}
