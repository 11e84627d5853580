import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

/* Certificates of a device maker in DER (X.690), only for the stand-in of the platform. */

export interface CertificateOptions {
  readonly name: string;
  /** Default: self-signed. */
  readonly issuer?: Certificate | undefined;
  /** Unix times in ms. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly ca: boolean;
  /** An extension that is not critical: its object identifier (DER, in hex) and its value. */
  readonly extension?: readonly [oid: string, value: Buffer] | undefined;
}

export interface Certificate {
  readonly name: string;
  readonly der: Buffer;
  readonly pem: string;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

export interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

export function createKeyPair(): KeyPair {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

/** Issues a certificate for a key pair. */
export function issue(options: CertificateOptions, { publicKey, privateKey }: KeyPair): Certificate {
  const { name, issuer, notBefore, notAfter, ca, extension } = options;
  const algorithm = encodeSequence(encodeOid('2a8648ce3d040302')); // ecdsa-with-SHA256
  const constraints = encodeExtension(
    '551d13',
    true,
    ca ? encodeSequence(encodeTlv(0x01, Buffer.from([0xff]))) : encodeSequence(),
  );
  const toBeSigned = encodeSequence(
    encodeTlv(0xa0, encodeTlv(0x02, Buffer.from([2]))),
    encodeTlv(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    algorithm,
    encodeName(issuer?.name ?? name),
    encodeSequence(encodeTime(notBefore), encodeTime(notAfter)),
    encodeName(name),
    publicKey.export({ format: 'der', type: 'spki' }),
    encodeTlv(
      0xa3,
      encodeSequence(
        constraints,
        ...(extension === undefined ? [] : [encodeExtension(extension[0], false, extension[1])]),
      ),
    ),
  );
  const signature = sign('sha256', toBeSigned, issuer?.privateKey ?? privateKey);
  const der = encodeSequence(toBeSigned, algorithm, encodeTlv(0x03, Buffer.concat([Buffer.from([0]), signature])));
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  const pem = `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
  return { name, der, pem, publicKey, privateKey };
}

/** A SEQUENCE. */
export function encodeSequence(...parts: readonly Buffer[]): Buffer {
  return encodeTlv(0x30, Buffer.concat(parts));
}

/** A value with its tag and length. */
export function encodeTlv(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

function encodeExtension(id: string, critical: boolean, value: Buffer): Buffer {
  return encodeSequence(
    encodeOid(id),
    ...(critical ? [encodeTlv(0x01, Buffer.from([0xff]))] : []),
    encodeTlv(0x04, value),
  );
}

function encodeName(text: string): Buffer {
  return encodeSequence(encodeTlv(0x31, encodeSequence(encodeOid('550403'), encodeTlv(0x0c, Buffer.from(text)))));
}

function encodeTime(ms: number): Buffer {
  return encodeTlv(0x18, Buffer.from(`${new Date(ms).toISOString().replace(/\D/g, '').slice(0, 14)}Z`));
}

function encodeOid(hex: string): Buffer {
  return encodeTlv(0x06, Buffer.from(hex, 'hex'));
}
