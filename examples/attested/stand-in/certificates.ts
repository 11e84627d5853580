import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

/*
 * Certificates as a device maker's authority issues them: a few lines of DER (X.690) around node:crypto, for the
 * stand-in of the platform only.
 */

/** What a certificate is to say. */
export interface CertificateOptions {
  readonly name: string;
  /** Default: signed by its own key. */
  readonly issuer?: Certificate | undefined;
  /** Unix times in ms. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly ca: boolean;
  /** An extension that is not critical: its object identifier (DER, in hex) and its value. */
  readonly extension?: readonly [oid: string, value: Buffer] | undefined;
}

/** A certificate with the keys it is for. */
export interface Certificate {
  readonly name: string;
  readonly der: Buffer;
  readonly pem: string;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

/** A P-256 key pair. */
export interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

/** A new P-256 key pair. */
export function newKeyPair(): KeyPair {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

/** Issues a certificate for a key pair. */
export function issue(options: CertificateOptions, { publicKey, privateKey }: KeyPair): Certificate {
  const { name, issuer, notBefore, notAfter, ca, extension } = options;
  const algorithm = sequence(oid('2a8648ce3d040302')); // ecdsa-with-SHA256
  const constraints = extensionOf('551d13', true, ca ? sequence(tlv(0x01, Buffer.from([0xff]))) : sequence());
  const toBeSigned = sequence(
    tlv(0xa0, tlv(0x02, Buffer.from([2]))),
    tlv(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    algorithm,
    nameOf(issuer?.name ?? name),
    sequence(time(notBefore), time(notAfter)),
    nameOf(name),
    publicKey.export({ format: 'der', type: 'spki' }),
    tlv(
      0xa3,
      sequence(constraints, ...(extension === undefined ? [] : [extensionOf(extension[0], false, extension[1])])),
    ),
  );
  const signature = sign('sha256', toBeSigned, issuer?.privateKey ?? privateKey);
  const der = sequence(toBeSigned, algorithm, tlv(0x03, Buffer.concat([Buffer.from([0]), signature])));
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  const pem = `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
  return { name, der, pem, publicKey, privateKey };
}

/** A SEQUENCE. */
export function sequence(...parts: readonly Buffer[]): Buffer {
  return tlv(0x30, Buffer.concat(parts));
}

/** A value with its tag and length. */
export function tlv(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

function extensionOf(id: string, critical: boolean, value: Buffer): Buffer {
  return sequence(oid(id), ...(critical ? [tlv(0x01, Buffer.from([0xff]))] : []), tlv(0x04, value));
}

function nameOf(text: string): Buffer {
  return sequence(tlv(0x31, sequence(oid('550403'), tlv(0x0c, Buffer.from(text)))));
}

function time(ms: number): Buffer {
  return tlv(0x18, Buffer.from(`${new Date(ms).toISOString().replace(/\D/g, '').slice(0, 14)}Z`));
}

function oid(hex: string): Buffer {
  return tlv(0x06, Buffer.from(hex, 'hex'));
}
