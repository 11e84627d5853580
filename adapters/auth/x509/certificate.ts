import { type KeyObject, X509Certificate } from 'node:crypto';
import { isStrongKey, isStrongSignature } from './algorithms.js';
import { DerError, type Element, getChild, readDer, TAG } from './der.js';
import { CertificateError, readExtensions, type X509Extensions } from './extensions.js';

/** A certificate that is as the profile of RFC 5280 §4 demands of each. */
export interface Certificate extends Profile {
  readonly x509: X509Certificate;
  readonly key: KeyObject;
}

interface Profile extends X509Extensions {
  /** Unix times in ms. It is valid before `notAfter`, as OpenSSL has it. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** Whether its signature is made with an algorithm that is accepted. */
  readonly hasStrongSignature: boolean;
}

/** Characters of the base64 of 4,096 bytes. With a key of RSA 4096 and a signature by another it takes about 1,500. */
const MAXIMUM_CHARACTERS = 4 * Math.ceil(4096 / 3);

/** Hex of the version 3, which extensions need. */
const VERSION_3 = 'a003020102';

/** Bytes of a serial number (RFC 5280 §4.1.2.2). */
const MAXIMUM_SERIAL_BYTES = 20;

/** `Extensions`, behind which nothing follows. */
const EXTENSIONS = 0xa3;

/**
 * Reads base64 of the DER of a certificate, and whether it is as the profile demands of each; its signature is not looked
 * at. Throws {@link CertificateError}.
 */
export function readCertificate(base64: unknown): Certificate {
  if (typeof base64 !== 'string') throw new CertificateError('cannot be read');
  if (base64.length > MAXIMUM_CHARACTERS) throw new CertificateError('is too long');
  const der = Buffer.from(base64, 'base64');
  if (der.toString('base64') !== base64) throw new CertificateError('cannot be read');
  const profile = readProfile(der);
  const parsed = parse(der);
  // Node looks for PEM first, which bytes of DER may hold, and ignores what follows: read is what was looked at.
  if (!parsed?.x509.raw.equals(der)) throw new CertificateError('cannot be read');
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
    throw error instanceof DerError ? new CertificateError('cannot be read') : error;
  }
}

function toProfile(certificate: Element): Profile {
  const [signed, signatureAlgorithm] = [getChild(certificate, 0), getChild(certificate, 1)];
  if (getChild(signed, 0).bytes.toString('hex') !== VERSION_3) throw new CertificateError('is not of version 3');
  const [, serial, algorithm, issuer, validity, subject, key, extensions] = signed.children;
  if (!serial || !algorithm || !issuer || !validity || !subject || !key) throw new DerError('a field is missing');
  if (extensions?.tag !== EXTENSIONS || signed.children.length > 8) {
    throw new CertificateError('has unique identifiers, or no extensions');
  }
  assertSerialNumber(serial);
  if (!algorithm.bytes.equals(signatureAlgorithm.bytes)) throw new CertificateError('names two signature algorithms');
  if (!isStrongKey(key)) throw new CertificateError('has a key that is too weak, or not of a supported kind');
  const said = readExtensions(getChild(extensions, 0));
  if (issuer.children.length === 0) throw new CertificateError('does not name its issuer');
  if (subject.children.length === 0 && (said.isCa || !said.hasCriticalAltNames)) {
    throw new CertificateError('does not name its subject');
  }
  return {
    ...said,
    notBefore: readTime(getChild(validity, 0)),
    notAfter: readTime(getChild(validity, 1)),
    hasStrongSignature: isStrongSignature(algorithm),
  };
}

function assertSerialNumber({ content }: Element): void {
  const isPositive = (content[0] ?? 0) < 0x80 && content.some((byte) => byte !== 0);
  if (!isPositive || content.length > MAXIMUM_SERIAL_BYTES)
    throw new CertificateError('has a serial number that it may not have');
}

/** UTCTime is for the years 1950 to 2049. Both have seconds, end in Z, and have no fraction (RFC 5280 §4.1.2.5). */
function readTime({ tag, content }: Element): number {
  const text = content.toString('latin1');
  const full = tag === TAG.utcTime ? `${text < '50' ? '20' : '19'}${text}` : text;
  const iso = full.replace(/^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6.000Z');
  const date = new Date(iso);
  // A day that is in no calendar would come back as another.
  if (Number.isNaN(date.getTime()) || date.toISOString() !== iso) throw new DerError('a time is not as DER writes it');
  return date.getTime();
}
