import { createHash } from 'node:crypto';
import type { Phone } from '../device.js';
import { encodeCbor } from './cbor.js';
import { type Certificate, createKeyPair, encodeSequence, encodeTlv, issue } from './certificates.js';

/*
 * Replaces Apple and its phones: a certificate authority, and attestation objects in the format of App Attest. An app
 * calls DCAppAttestService instead.
 */

/** The properties of a phone in tests. */
export interface PhoneOptions {
  readonly environment?: 'production' | 'development' | undefined;
  /** The signature counter of the key. Default 0, the only valid value. */
  readonly counter?: number | undefined;
  /** Expiration of the key's certificate, Unix time in ms. Default: in three days. */
  readonly notAfter?: number | undefined;
  /** Leaves the nonce out of the certificate. */
  readonly withoutNonce?: boolean | undefined;
}

export interface Platform {
  /** PEM. */
  readonly rootCertificate: string;
  /** `appId` is `TEAMID.bundle.identifier`. */
  phone(appId: string, options?: PhoneOptions): Phone;
}

const DAY_MS = 86_400_000;

/** 1.2.840.113635.100.8.2 */
const NONCE_EXTENSION = '2a864886f763640802';

export function createPlatform(): Platform {
  const now = Date.now();
  const validity = { notBefore: now - 30 * DAY_MS, notAfter: now + 30 * DAY_MS, ca: true };
  const root = issue({ name: 'Stand-in App Attestation Root CA', ...validity }, createKeyPair());
  const intermediate = issue({ name: 'Stand-in App Attestation CA 1', issuer: root, ...validity }, createKeyPair());
  return {
    rootCertificate: root.pem,
    phone: (appId, options = {}) => ({ attest: async (bound) => attestNewKey(appId, bound, intermediate, options) }),
  };
}

/** generateKey and attestKey of DCAppAttestService in one: `{keyId}.{attestation object}`. */
function attestNewKey(appId: string, bound: string, issuer: Certificate, options: PhoneOptions): string {
  const { environment = 'production', counter = 0, notAfter = Date.now() + 3 * DAY_MS, withoutNonce } = options;
  const key = createKeyPair();
  // The last 65 bytes of the SPKI of a P-256 key are its point.
  const point = key.publicKey.export({ format: 'der', type: 'spki' }).subarray(-65);
  const keyId = sha256(point);
  const authData = Buffer.concat([
    sha256(Buffer.from(appId)),
    Buffer.from([0x40]),
    uint32(counter),
    Buffer.from(environment === 'production' ? 'appattest\0\0\0\0\0\0\0' : 'appattestdevelop'),
    Buffer.from([0, keyId.length]),
    keyId,
    coseKey(point),
  ]);
  const nonce = sha256(Buffer.concat([authData, sha256(Buffer.from(bound))]));
  const credential = issue(
    {
      name: keyId.toString('hex'),
      issuer,
      notBefore: Date.now() - 10 * DAY_MS,
      notAfter,
      ca: false,
      extension: withoutNonce ? undefined : [NONCE_EXTENSION, encodeSequence(encodeTlv(0xa1, encodeTlv(0x04, nonce)))],
    },
    key,
  );
  const attStmt = { x5c: [credential.der, issuer.der], receipt: Buffer.from('a receipt') };
  const object = encodeCbor({ fmt: 'apple-appattest', attStmt, authData });
  return `${keyId.toString('base64url')}.${object.toString('base64url')}`;
}

/** The point as a COSE_Key (RFC 9053 §7.1): EC2, ES256, P-256, x, y. */
function coseKey(point: Buffer): Buffer {
  const [start, between] = [Buffer.from('a5010203262001215820', 'hex'), Buffer.from('225820', 'hex')];
  return Buffer.concat([start, point.subarray(1, 33), between, point.subarray(33)]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}
