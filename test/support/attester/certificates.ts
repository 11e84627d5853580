import { createHash, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { bits, extension, integer, nameOf, octets, pemOf, sequence, TRUE, time, tlv } from '../x509/der.js';
import type { KeyPair } from '../x509/keys.js';
import { type SignatureAlgorithm, usualSignature } from '../x509/signatures.js';

/* Certificates with defects, most of which `openssl` cannot create. Without options they conform to RFC 5280 §4. */

export interface CertificateOptions {
  readonly name: string;
  /** Default: self-signed. */
  readonly issuer?: Issued;
  /** Unix times in ms. Default: from a day before `now` to a day after `now`. */
  readonly notBefore?: number;
  readonly notAfter?: number;
  readonly ca?: boolean;
  readonly pathLength?: number;
  /** Bits of the first byte of KeyUsage: 0x80 digitalSignature, 0x04 keyCertSign. `null` omits the extension. */
  readonly keyUsage?: number | null;
  /** The subject's key pair. Default: a new P-256 key pair. */
  readonly keys?: KeyPair;
  /** Default: the algorithm of the issuer's key. */
  readonly signature?: SignatureAlgorithm;
  /**
   * Complete extensions that replace the default extensions, by the hex of their object identifier. `null` omits one.
   */
  readonly extensions?: Readonly<Record<string, Buffer | null>>;
  /** Changes the fields of the signed part. */
  readonly fields?: (fields: Fields) => Partial<Fields>;
  /** Changes the encoded part before the signature. */
  readonly signed?: (der: Buffer) => Buffer;
  /** Changes the signed part, the signature algorithm and the signature after the signature. */
  readonly parts?: (parts: readonly [Buffer, Buffer, Buffer]) => readonly Buffer[];
  /** Changes the bytes of the whole certificate. */
  readonly bytes?: (der: Buffer) => Buffer;
}

/** The fields of TBSCertificate, as DER. */
export interface Fields {
  readonly version: Buffer;
  readonly serial: Buffer;
  readonly algorithm: Buffer;
  readonly issuer: Buffer;
  readonly validity: Buffer;
  readonly subject: Buffer;
  readonly key: Buffer;
  readonly unique: Buffer;
  readonly extensions: Buffer;
}

/** A certificate with its key pair. */
export interface Issued extends KeyPair {
  readonly name: string;
  /** DER of the subject's Name. */
  readonly subject: Buffer;
  readonly der: Buffer;
  readonly pem: string;
  /** An entry of `x5c` (RFC 7515 §4.1.6). */
  readonly base64: string;
}

const DAY_MS = 86_400_000;

/** Hex of object identifiers. */
export const ID = {
  subjectKey: '551d0e',
  keyUsage: '551d0f',
  subjectNames: '551d11',
  basicConstraints: '551d13',
  authorityKey: '551d23',
} as const;

export function issue(options: CertificateOptions, now: number): Issued {
  const { privateKey, publicKey } = options.keys ?? generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const signer = options.issuer ?? { subject: nameOf(options.name), privateKey, publicKey };
  const signature = options.signature ?? usualSignature(signer.privateKey);
  const usual: Fields = {
    version: tlv(0xa0, integer(2)),
    serial: tlv(0x02, Buffer.from([0x01]), randomBytes(8)),
    algorithm: signature.identifier,
    issuer: signer.subject,
    validity: sequence(time(options.notBefore ?? now - DAY_MS), time(options.notAfter ?? now + DAY_MS)),
    subject: nameOf(options.name),
    key: publicKey.export({ format: 'der', type: 'spki' }),
    unique: Buffer.alloc(0),
    extensions: tlv(0xa3, sequence(...extensionsOf(options, publicKey, signer.publicKey))),
  };
  const changed = options.fields?.(usual) ?? {};
  // A self-signed certificate has the same name as subject and issuer.
  const issuer = options.issuer?.subject ?? changed.subject ?? usual.issuer;
  const fields = { ...usual, issuer, ...changed };
  const { signed = (der) => der, parts = (all) => all, bytes = (der) => der } = options;
  const toBeSigned = signed(sequence(...Object.values(fields)));
  const der = bytes(
    sequence(...parts([toBeSigned, signature.identifier, bits(signature.sign(toBeSigned, signer.privateKey))])),
  );
  return {
    name: options.name,
    subject: fields.subject,
    der,
    pem: pemOf(der),
    base64: der.toString('base64'),
    privateKey,
    publicKey,
  };
}

function extensionsOf(options: CertificateOptions, key: KeyObject, issuerKey: KeyObject): readonly Buffer[] {
  const { ca = false, pathLength, keyUsage = ca ? 0x04 : 0x80, extensions = {} } = options;
  const length = pathLength === undefined ? [] : [integer(pathLength)];
  const usual = {
    [ID.basicConstraints]: extension(ID.basicConstraints, ca ? sequence(TRUE, ...length) : sequence(), true),
    [ID.keyUsage]: keyUsage === null ? null : extension(ID.keyUsage, usageOf(keyUsage), true),
    [ID.subjectKey]: extension(ID.subjectKey, octets(identifierOf(key))),
    [ID.authorityKey]: extension(ID.authorityKey, sequence(tlv(0x80, identifierOf(issuerKey)))),
  };
  return Object.values({ ...usual, ...extensions }).filter((each) => each !== null);
}

/** A KeyUsage without trailing zero bits (X.690 §11.2.2). */
export function usageOf(usage: number): Buffer {
  return bits(Buffer.from([usage]), 31 - Math.clz32(usage & -usage));
}

/** The key identifier of RFC 5280 §4.2.1.2, but over the complete SubjectPublicKeyInfo. */
export function identifierOf(key: KeyObject): Buffer {
  return createHash('sha1')
    .update(key.export({ format: 'der', type: 'spki' }))
    .digest();
}
