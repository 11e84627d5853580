import { setAppAttestRootCertificate, verifyAttestation } from 'appattest-checker-node';
import type { VerifyEvidence } from './evidence.js';

/** What {@link appAttest} takes. */
export interface AppAttestOptions {
  /** Team identifier and bundle identifier: `A1B2C3D4E5.com.example.wallet`. */
  readonly appId: string;
  /** `development` for builds from Xcode, and for those alone. Default `production`. */
  readonly environment?: 'production' | 'development' | undefined;
  /**
   * PEM of the root that attestations lead to, for tests. The library keeps one for the whole process, so the first
   * verifier decides, and one that asks for another throws a TypeError. Default: Apple's App Attestation root.
   */
  readonly rootCertificate?: string | undefined;
}

/** Bytes of an attestation object; Apple's have about 5,400. */
const MAXIMUM_BYTES = 12_000;

let root: string | null | undefined;

/**
 * Verifies attestations of Apple App Attest. The evidence is `{keyId}.{attestation object}`, both base64url, made by
 * `DCAppAttestService.attestKey(keyId, clientDataHash: SHA256(bound))`.
 *
 * Checked (Apple, "Validating apps that connect to your server"): the chain to the root and the dates of its
 * certificates, the nonce over authenticator data and `bound`, the key identifier, the app, the environment, and that
 * the key has not signed anything yet. Not checked: whether a certificate was revoked, and Apple's fraud metric (the
 * receipt is thrown away).
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
      // Asked for production, the library compares the first nine bytes of the AAGUID, `appattest`, with which that of
      // development, `appattestdevelop`, begins as well (1.0.3). So what passes for development is no production.
      return !development && (await isValid(keyId, Buffer.from(bound), attestation, false));
    } catch {
      // Nothing but what was sent is computed with, so it is no outage: the library throws at some malformed objects.
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
