import { constants, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

/*
 * Certificates made to order, each defect of a chain included, which no tool makes that is everywhere: a few lines of
 * DER (X.690) around node:crypto. For tests only.
 */

/** What a certificate is to say. */
export interface CertificateOptions {
  readonly name: string;
  /** Default: self-signed. */
  readonly issuer?: Issued;
  /** Unix times in ms. Default: from a day before `now` to a day after it. */
  readonly notBefore?: number;
  readonly notAfter?: number;
  readonly ca?: boolean;
  readonly pathLength?: number;
  /** Bits of the first byte of KeyUsage: 0x80 digitalSignature, 0x04 keyCertSign. `null`: no such extension. */
  readonly keyUsage?: number | null;
  /** Adds a critical extension that nobody knows. */
  readonly unknownCritical?: boolean;
  /** Adds a critical extension of this object identifier, in hex, with an empty value. */
  readonly critical?: string;
  /** Signs with SHA-1. */
  readonly sha1?: boolean;
  /** Signs with RSASSA-PSS, which the issuer's key must be for. */
  readonly pss?: 'sha256' | 'sha1';
  /** The key it is for. Default: a new P-256 key. */
  readonly keys?: KeyPair;
}

/** A key pair of node:crypto. */
export interface KeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** A certificate with the key it is for. */
export interface Issued extends KeyPair {
  readonly name: string;
  readonly der: Buffer;
  readonly pem: string;
  /** As an entry of `x5c` (RFC 7515 §4.1.6). */
  readonly base64: string;
}

const DAY_MS = 86_400_000;

/** Issues a certificate. */
export function issue(options: CertificateOptions, now: number): Issued {
  const { privateKey, publicKey } = options.keys ?? generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const signer = options.issuer?.privateKey ?? privateKey;
  const algorithm = algorithmOf(options, signer);
  const toBeSigned = sequence(
    tlv(0xa0, tlv(0x02, Buffer.from([2]))),
    tlv(0x02, Buffer.concat([Buffer.from([0x01]), randomBytes(8)])),
    algorithm,
    nameOf(options.issuer?.name ?? options.name),
    sequence(time(options.notBefore ?? now - DAY_MS), time(options.notAfter ?? now + DAY_MS)),
    nameOf(options.name),
    publicKey.export({ format: 'der', type: 'spki' }),
    tlv(0xa3, sequence(...extensionsOf(options))),
  );
  const padding = options.pss === undefined ? {} : PSS_PADDING[options.pss];
  const signature = sign(isSha1(options) ? 'sha1' : 'sha256', toBeSigned, { key: signer, ...padding });
  const der = sequence(toBeSigned, algorithm, tlv(0x03, Buffer.concat([Buffer.from([0]), signature])));
  const base64 = der.toString('base64');
  const lines = base64.match(/.{1,64}/g) ?? []; // No empty one at the end, whatever the length: PEM has none.
  const pem = `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
  return { name: options.name, der, pem, base64, privateKey, publicKey };
}

const PSS_PADDING = {
  sha256: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 },
  sha1: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 20 },
};

function isSha1({ sha1, pss }: CertificateOptions): boolean {
  return sha1 === true || pss === 'sha1';
}

/** AlgorithmIdentifier: RFC 5758 §3.2, RFC 4055 §5, and §3.1 for RSASSA-PSS, whose parameters are SHA-1 unless they say. */
function algorithmOf({ sha1, pss }: CertificateOptions, { asymmetricKeyType }: KeyObject): Buffer {
  const none = tlv(0x05, Buffer.alloc(0));
  if (pss === 'sha1') return sequence(oid('2a864886f70d01010a'), sequence());
  if (pss === 'sha256') {
    const hash = sequence(oid('608648016503040201'), none);
    const mask = sequence(oid('2a864886f70d010108'), hash);
    const salt = tlv(0x02, Buffer.from([32]));
    return sequence(oid('2a864886f70d01010a'), sequence(tlv(0xa0, hash), tlv(0xa1, mask), tlv(0xa2, salt)));
  }
  if (asymmetricKeyType === 'rsa') return sequence(oid(sha1 ? '2a864886f70d010105' : '2a864886f70d01010b'), none);
  return sequence(oid(sha1 ? '2a8648ce3d0401' : '2a8648ce3d040302'));
}

function extensionsOf(options: CertificateOptions): readonly Buffer[] {
  const { ca = false, pathLength, keyUsage, unknownCritical, critical } = options;
  const usage = keyUsage === undefined ? (ca ? 0x04 : 0x80) : keyUsage;
  const length = pathLength === undefined ? [] : [tlv(0x02, Buffer.from([pathLength]))];
  const basic = ca ? sequence(tlv(0x01, Buffer.from([0xff])), ...length) : sequence();
  return [
    extension('551d13', true, basic),
    ...(usage === null ? [] : [extension('551d0f', true, tlv(0x03, Buffer.from([usage === 0x80 ? 7 : 2, usage])))]),
    ...(unknownCritical === true ? [extension('2a0304', true, tlv(0x05, Buffer.alloc(0)))] : []),
    ...(critical === undefined ? [] : [extension(critical, true, sequence())]),
  ];
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return sequence(oid(id), ...(critical ? [tlv(0x01, Buffer.from([0xff]))] : []), tlv(0x04, value));
}

function nameOf(text: string): Buffer {
  return sequence(tlv(0x31, sequence(oid('550403'), tlv(0x0c, Buffer.from(text)))));
}

function time(ms: number): Buffer {
  // GeneralizedTime, which RFC 5280 §4.1.2.5 keeps for years from 2050 on, and OpenSSL reads for all.
  return tlv(0x18, Buffer.from(`${new Date(ms).toISOString().replace(/\D/g, '').slice(0, 14)}Z`));
}

function oid(hex: string): Buffer {
  return tlv(0x06, Buffer.from(hex, 'hex'));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tlv(0x30, Buffer.concat(parts));
}

function tlv(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}
