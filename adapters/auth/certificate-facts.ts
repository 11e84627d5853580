/*
 * Reads what node:crypto does not tell of a certificate: the path length, the key usage, whether an extension that must
 * be understood is there (RFC 5280 §4.2), and the signature algorithm. The bytes have been parsed by OpenSSL before.
 */

/** What a certificate says beyond what node:crypto tells. */
export interface CertificateFacts {
  /** Intermediate certificates that may follow below (RFC 5280 §4.2.1.9); `undefined` for any number. */
  readonly pathLength: number | undefined;
  /** Whether the key may sign data; true if the certificate does not say (RFC 5280 §4.2.1.3). */
  readonly maySign: boolean;
  /** Whether the key may sign certificates; true if the certificate does not say. */
  readonly mayCertify: boolean;
  /** False if a critical extension is not one that is checked. */
  readonly understood: boolean;
  /**
   * Object identifier of the signature's algorithm, as hex of its DER content; for RSASSA-PSS that of its hash behind a
   * slash, as its own says nothing of it (RFC 4055 §3.1).
   */
  readonly signatureAlgorithm: string;
}

/** One DER element: its tag, and where its content begins and ends. */
interface Element {
  readonly tag: number;
  readonly start: number;
  readonly end: number;
}

const SEQUENCE = 0x30;
const BOOLEAN = 0x01;
const INTEGER = 0x02;
const EXTENSIONS = 0xa3;
/** In the parameters of RSASSA-PSS. */
const HASH_ALGORITHM = 0xa0;

/** Hex of the OID 1.2.840.113549.1.1.10. */
const RSASSA_PSS = '2a864886f70d01010a';

/** Hex of the OIDs 2.5.29.x. */
const KEY_USAGE = '551d0f';
const BASIC_CONSTRAINTS = '551d13';

/**
 * Critical extensions that can be let pass: those read here, and the subject's other names. Not the extended key usage: no
 * purpose is registered that a signer of attestations could be held to.
 */
const UNDERSTOOD: readonly string[] = [KEY_USAGE, BASIC_CONSTRAINTS, '551d11'];

/** Bits of the first byte of KeyUsage: digitalSignature (0) and keyCertSign (5). */
const DIGITAL_SIGNATURE = 0x80;
const KEY_CERT_SIGN = 0x04;

/** Reads the DER of a certificate. Throws a RangeError if it is cut off. */
export function certificateFacts(der: Uint8Array): CertificateFacts {
  const certificate = children(der, elementAt(der, 0, der.length));
  const [toBeSigned, algorithm] = certificate;
  if (toBeSigned === undefined || algorithm === undefined) throw new RangeError('DER: not a certificate');
  const wrapped = children(der, toBeSigned).find(({ tag }) => tag === EXTENSIONS);
  const [list] = wrapped === undefined ? [] : children(der, wrapped);
  let facts = { pathLength: undefined as number | undefined, maySign: true, mayCertify: true, understood: true };
  for (const extension of list === undefined ? [] : children(der, list)) facts = { ...facts, ...read(der, extension) };
  return { ...facts, signatureAlgorithm: algorithmOf(der, algorithm) };
}

function algorithmOf(der: Uint8Array, identifier: Element): string {
  const [oid, parameters] = children(der, identifier);
  const name = oid === undefined ? '' : hex(der, oid);
  if (name !== RSASSA_PSS) return name;
  const explicit = parameters && children(der, parameters).find(({ tag }) => tag === HASH_ALGORITHM);
  const [hash] = explicit === undefined ? [] : children(der, explicit);
  // Without it the hash is SHA-1.
  return `${name}/${hash === undefined ? '' : algorithmOf(der, hash)}`;
}

function read(der: Uint8Array, extension: Element): Partial<Omit<CertificateFacts, 'signatureAlgorithm'>> {
  const parts = children(der, extension);
  const [oid, second] = parts;
  const octets = parts.at(-1);
  if (oid === undefined || octets === undefined) throw new RangeError('DER: not an extension');
  const name = hex(der, oid);
  const value = elementAt(der, octets.start, octets.end);
  if (name === KEY_USAGE) {
    // A BIT STRING: its first byte counts unused bits.
    const bits = der[value.start + 1] ?? 0;
    return { maySign: (bits & DIGITAL_SIGNATURE) !== 0, mayCertify: (bits & KEY_CERT_SIGN) !== 0 };
  }
  if (name === BASIC_CONSTRAINTS) {
    const length = children(der, value).find(({ tag }) => tag === INTEGER);
    return length === undefined ? {} : { pathLength: Number.parseInt(hex(der, length), 16) };
  }
  const critical = second?.tag === BOOLEAN && der[second.start] !== 0;
  return critical && !UNDERSTOOD.includes(name) ? { understood: false } : {};
}

function children(der: Uint8Array, parent: Element): readonly Element[] {
  const found: Element[] = [];
  for (let at = parent.start; at < parent.end; ) {
    const child = elementAt(der, at, parent.end);
    found.push(child);
    at = child.end;
  }
  return found;
}

function elementAt(der: Uint8Array, at: number, limit: number): Element {
  const tag = der[at] ?? 0;
  let length = der[at + 1] ?? 0;
  let start = at + 2;
  if (length >= 0x80) {
    const bytes = length & 0x7f;
    length = 0;
    for (let index = 0; index < bytes; index += 1) length = length * 256 + (der[start + index] ?? 0);
    start += bytes;
  }
  const end = start + length;
  if (end > limit || start > limit || (at === 0 && tag !== SEQUENCE)) throw new RangeError('DER: cut off');
  return { tag, start, end };
}

function hex(der: Uint8Array, { start, end }: Element): string {
  return Buffer.from(der.subarray(start, end)).toString('hex');
}
