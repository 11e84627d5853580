import { type Element, getChild, readDer, TAG } from './der.js';

/*
 * The extensions of a certificate (RFC 5280 §4.2). The reader rejects unsupported constraints even if they are not
 * critical: the issuer meant to restrict the use of the certificate.
 */

/** A certificate violates the profile. The message continues a sentence that ends with "a certificate that". */
export class CertificateError extends Error {
  override readonly name = 'Unfit';
}

export interface X509Extensions {
  /** `cA` of the basic constraints (RFC 5280 §4.2.1.9). */
  readonly isCa: boolean;
  /** Maximum number of intermediate certificates below. */
  readonly pathLength: number;
  /** Key usage (RFC 5280 §4.2.1.3): signatures over data, and signatures over certificates. */
  readonly digitalSignature: boolean;
  readonly keyCertSign: boolean;
  /** Key identifiers (RFC 5280 §4.2.1.1 and §4.2.1.2). */
  readonly hasSubjectKeyId: boolean;
  readonly hasAuthorityKeyId: boolean;
  /** True for a critical subject alternative name (RFC 5280 §4.2.1.6). */
  readonly hasCriticalAltNames: boolean;
}

interface Extension {
  readonly critical: boolean;
  /** The DER inside `extnValue`. */
  readonly octets: Buffer;
}

/** Hex of the OIDs 2.5.29.x. */
const SUBJECT_KEY = '551d0e';
const KEY_USAGE = '551d0f';
const SUBJECT_ALT_NAMES = '551d11';
const BASIC_CONSTRAINTS = '551d13';
const POLICIES = '551d20';
const AUTHORITY_KEY = '551d23';
const EXTENDED_KEY_USAGE = '551d25';
const ANY_EXTENDED_KEY_USAGE = '551d2500';

const UNSUPPORTED: readonly string[] = [
  ...['551d1e', '551d21', '551d24', '551d36'], // name and policy constraints, policy mappings, inhibitAnyPolicy
  ...['2b06010505070107', '2b06010505070108'], // addresses and autonomous systems (RFC 3779)
  '2b0601050507010e', // proxy certificates (RFC 3820)
  '6086480186f8420101', // Netscape's certificate type
];

/** Extensions that may be critical. */
const SUPPORTED_CRITICAL: readonly string[] = [KEY_USAGE, BASIC_CONSTRAINTS, SUBJECT_ALT_NAMES];

/** Bits of the first byte of KeyUsage. */
const DIGITAL_SIGNATURE = 0x80;
const KEY_CERT_SIGN = 0x04;

/** Reads `Extensions` (RFC 5280 §4.1). Throws {@link CertificateError} or NotDer. */
export function readExtensions(list: Element): X509Extensions {
  const found = new Map<string, Extension>();
  for (const extension of list.children) {
    const name = getChild(extension, 0).content.toString('hex');
    if (found.has(name)) throw new CertificateError('has the same extension twice');
    found.set(name, readExtension(extension, name));
  }
  const read = (name: string): Element | undefined => {
    const extension = found.get(name);
    return extension && readDer(extension.octets);
  };
  assertAnyPurpose(read(EXTENDED_KEY_USAGE));
  const policies = read(POLICIES);
  if (policies !== undefined && !arePolicies(policies)) throw new CertificateError('has malformed policies');
  if (read(SUBJECT_ALT_NAMES)?.children.length === 0)
    throw new CertificateError('has an empty list of alternative names');
  const basic = read(BASIC_CONSTRAINTS);
  const usage = readKeyUsage(read(KEY_USAGE));
  const isCa = readIsCa(basic);
  if (isCa && found.get(BASIC_CONSTRAINTS)?.critical !== true) {
    throw new CertificateError('is of a certification authority and has no critical basic constraints');
  }
  return {
    isCa,
    pathLength: readPathLength(basic, isCa),
    digitalSignature: usage === undefined || (usage & DIGITAL_SIGNATURE) !== 0,
    keyCertSign: usage !== undefined && (usage & KEY_CERT_SIGN) !== 0,
    hasSubjectKeyId: read(SUBJECT_KEY)?.tag === TAG.octetString,
    hasAuthorityKeyId: read(AUTHORITY_KEY)?.children[0]?.tag === 0x80,
    hasCriticalAltNames: found.get(SUBJECT_ALT_NAMES)?.critical === true,
  };
}

function readExtension(extension: Element, name: string): Extension {
  const critical = extension.children.length === 3;
  // DER omits default values (X.690 §11.5), so `critical` is absent or true.
  if (critical) assertTrue(getChild(extension, 1));
  if (UNSUPPORTED.includes(name)) throw new CertificateError('has a constraint that is not supported');
  if (critical && !SUPPORTED_CRITICAL.includes(name))
    throw new CertificateError('has a critical extension that is not supported');
  return { critical, octets: getChild(extension, critical ? 2 : 1).content };
}

function assertTrue({ tag, content }: Element): void {
  if (tag !== TAG.boolean || content[0] !== 0xff) throw new CertificateError('is malformed');
}

/** RFC 5280 §4.2.1.12. No purpose is registered for attesters, so an extended key usage must include "any". */
function assertAnyPurpose(purposes: Element | undefined): void {
  if (purposes?.children.every(({ content }) => content.toString('hex') !== ANY_EXTENDED_KEY_USAGE)) {
    throw new CertificateError('is for another purpose (extended key usage)');
  }
}

function readIsCa(basic: Element | undefined): boolean {
  const first = basic?.children[0];
  if (first?.tag !== TAG.boolean) return false;
  assertTrue(first);
  return true;
}

function readPathLength(basic: Element | undefined, isCa: boolean): number {
  const length = basic?.children.find(({ tag }) => tag === TAG.integer)?.content;
  if (length === undefined) return Number.POSITIVE_INFINITY;
  if (!isCa || (length[0] ?? 0) >= 0x80) throw new CertificateError('has an invalid path length');
  return Number.parseInt(length.toString('hex'), 16);
}

/** Returns the first byte of KeyUsage. At least one bit is set, and the last encoded bit is set (X.690 §11.2.2). */
function readKeyUsage(usage: Element | undefined): number | undefined {
  if (usage === undefined) return undefined;
  const [unused = 0, first = 0] = usage.content;
  const last = usage.content.length > 1 ? (usage.content.at(-1) ?? 0) : 0;
  if (usage.tag !== TAG.bitString || ((last >> unused) & 1) === 0)
    throw new CertificateError('has a malformed key usage');
  return first;
}

/** DER of the object identifier of a qualifier: the URL of a certification practice statement. */
const PRACTICE_STATEMENT = '06082b06010505070201';

/**
 * True for a list of different policies (RFC 5280 §4.2.1.4). The reader rejects constraints of policies, so any policy
 * is accepted. User notices are not supported.
 */
function arePolicies(list: Element): boolean {
  const names = new Set(list.children.map(({ children }) => children[0]?.bytes.toString('hex')));
  return isSequence(list, isPolicy) && names.size === list.children.length;
}

function isPolicy({ tag, children: [name, qualifiers, ...rest] }: Element): boolean {
  if (tag !== TAG.sequence || name?.tag !== TAG.objectIdentifier || rest.length > 0) return false;
  return qualifiers === undefined || isSequence(qualifiers, isPracticeStatement);
}

function isPracticeStatement({ tag, children: [name, url, ...rest] }: Element): boolean {
  if (tag !== TAG.sequence || name?.bytes.toString('hex') !== PRACTICE_STATEMENT || rest.length > 0) return false;
  return url?.tag === TAG.ia5String;
}

function isSequence({ tag, children }: Element, isEntry: (entry: Element) => boolean): boolean {
  return tag === TAG.sequence && children.length > 0 && children.every(isEntry);
}
