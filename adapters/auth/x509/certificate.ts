import { type KeyObject, X509Certificate } from 'node:crypto';
import { isStrongKey, isStrongSignature } from './algorithms.js';
import { DerError, type Element, getChild, readDer, TAG } from './der.js';
import { CertificateError, readExtensions, type X509Extensions } from './extensions.js';

/** A certificate that matches the profile of RFC 5280 §4. */
export interface Certificate extends Profile {
  readonly x509: X509Certificate;
  readonly key: KeyObject;
}

interface Profile extends X509Extensions {
  /** Unix times in ms. The certificate is invalid at `notAfter`, as in OpenSSL. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** True if the signature algorithm is supported and strong. */
  readonly hasStrongSignature: boolean;
}

/** Base64 characters of 4,096 bytes. A certificate with an RSA-4096 key and signature has about 1,500 bytes. */
const MAXIMUM_CHARACTERS = 4 * Math.ceil(4096 / 3);

/** Hex of version 3, which extensions require. */
const VERSION_3 = 'a003020102';

/** RFC 5280 §4.1.2.2. */
const MAXIMUM_SERIAL_BYTES = 20;

/** The tag of `Extensions`, the last field. */
const EXTENSIONS = 0xa3;

/**
 * Reads a certificate in base64 of DER and checks it against the profile. Does not verify the signature. Throws
 * {@link CertificateError}.
 */
export function readCertificate(base64: unknown): Certificate {
  if (typeof base64 !== 'string') throw new CertificateError('is malformed');
  if (base64.length > MAXIMUM_CHARACTERS) throw new CertificateError('is too long');
  const der = Buffer.from(base64, 'base64');
  if (der.toString('base64') !== base64) throw new CertificateError('is malformed');
  const profile = readProfile(der);
  const parsed = parse(der);
  // Node searches for PEM first, which may be inside DER, and ignores trailing bytes. So compare the parsed bytes.
  if (!parsed?.x509.raw.equals(der)) throw new CertificateError('is malformed');
  return { ...profile, ...parsed };
}

function parse(der: Buffer): Pick<Certificate, 'x509' | 'key'> | undefined {
  try {
    const x509 = new X509Certificate(der);
    return { x509, key: x509.publicKey };
  } catch {
    return undefined;
  }
}

function readProfile(der: Buffer): Profile {
  try {
    return toProfile(readDer(der));
  } catch (error) {
    throw error instanceof DerError ? new CertificateError('is malformed') : error;
  }
}

function toProfile(certificate: Element): Profile {
  const [signed, signatureAlgorithm] = [getChild(certificate, 0), getChild(certificate, 1)];
  if (getChild(signed, 0).bytes.toString('hex') !== VERSION_3) throw new CertificateError('is not of version 3');
  const [, serial, algorithm, issuer, validity, subject, key, extensions] = signed.children;
  if (!serial || !algorithm || !issuer || !validity || !subject || !key) throw new DerError('a field is missing');
  if (extensions?.tag !== EXTENSIONS || signed.children.length > 8) {
    throw new CertificateError('has unique identifiers or no extensions');
  }
  assertSerialNumber(serial);
  if (!algorithm.bytes.equals(signatureAlgorithm.bytes)) throw new CertificateError('names two signature algorithms');
  if (!isStrongKey(key)) throw new CertificateError('has a key that is too weak or not supported');
  const fields = readExtensions(getChild(extensions, 0));
  if (issuer.children.length === 0) throw new CertificateError('does not name its issuer');
  if (subject.children.length === 0 && (fields.isCa || !fields.hasCriticalAltNames)) {
    throw new CertificateError('does not name its subject');
  }
  return {
    ...fields,
    notBefore: readTime(getChild(validity, 0)),
    notAfter: readTime(getChild(validity, 1)),
    hasStrongSignature: isStrongSignature(algorithm),
  };
}

function assertSerialNumber({ content }: Element): void {
  const isPositive = (content[0] ?? 0) < 0x80 && content.some((byte) => byte !== 0);
  if (!isPositive || content.length > MAXIMUM_SERIAL_BYTES) throw new CertificateError('has an invalid serial number');
}

/** RFC 5280 §4.1.2.5: UTCTime covers 1950 to 2049. Both types have seconds and no fraction, and end in Z. */
function readTime({ tag, content }: Element): number {
  const text = content.toString('latin1');
  const full = tag === TAG.utcTime ? `${text < '50' ? '20' : '19'}${text}` : text;
  const iso = full.replace(/^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6.000Z');
  const date = new Date(iso);
  // Date turns an impossible day into another day.
  if (Number.isNaN(date.getTime()) || date.toISOString() !== iso) throw new DerError('the time is not DER');
  return date.getTime();
}
