import { type Element, getChild, readDer, TAG } from './der.js';
import { arePolicies } from './policies.js';

/*
 * The extensions of a certificate (RFC 5280 §4.2). A constraint that is not processed is refused, whether it is marked as
 * critical or not: who set it does not want the certificate to be good for everything.
 */

/** A certificate is not as the profile demands. The message says how, and follows "a certificate that". */
export class CertificateError extends Error {
  override readonly name = 'Unfit';
}

/** What the extensions say. */
export interface X509Extensions {
  /** Whether it is the certificate of a certification authority (RFC 5280 §4.2.1.9). */
  readonly isCa: boolean;
  /** Intermediate certificates that may follow below. */
  readonly pathLength: number;
  /** Whether the key may sign data, and whether certificates (RFC 5280 §4.2.1.3). */
  readonly digitalSignature: boolean;
  readonly keyCertSign: boolean;
  /** Whether it names its own key, and its issuer's (RFC 5280 §4.2.1.1 and §4.2.1.2). */
  readonly hasSubjectKeyId: boolean;
  readonly hasAuthorityKeyId: boolean;
  /** Whether there are other names that have to be understood (RFC 5280 §4.2.1.6). */
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
const SUBJECT_NAMES = '551d11';
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
const SUPPORTED_CRITICAL: readonly string[] = [KEY_USAGE, BASIC_CONSTRAINTS, SUBJECT_NAMES];

/** Bits of the first byte of KeyUsage. */
const DIGITAL_SIGNATURE = 0x80;
const KEY_CERT_SIGN = 0x04;

/** Reads `Extensions` (RFC 5280 §4.1). Throws {@link CertificateError} or NotDer. */
export function readExtensions(list: Element): X509Extensions {
  const found = new Map<string, Extension>();
  for (const extension of list.children) {
    const name = getChild(extension, 0).content.toString('hex');
    if (found.has(name)) throw new CertificateError('has an extension twice');
    found.set(name, readExtension(extension, name));
  }
  const read = (name: string): Element | undefined => {
    const extension = found.get(name);
    return extension && readDer(extension.octets);
  };
  assertAnyPurpose(read(EXTENDED_KEY_USAGE));
  const policies = read(POLICIES);
  if (policies !== undefined && !arePolicies(policies)) throw new CertificateError('has policies that cannot be read');
  if (read(SUBJECT_NAMES)?.children.length === 0) throw new CertificateError('has an empty list of other names');
  const basic = read(BASIC_CONSTRAINTS);
  const usage = readKeyUsage(read(KEY_USAGE));
  const isAuthority = readIsCa(basic);
  if (isAuthority && found.get(BASIC_CONSTRAINTS)?.critical !== true) {
    throw new CertificateError('is of a certification authority, and does not say so in a critical extension');
  }
  return {
    isCa: isAuthority,
    pathLength: readPathLength(basic, isAuthority),
    digitalSignature: usage === undefined || (usage & DIGITAL_SIGNATURE) !== 0,
    keyCertSign: usage !== undefined && (usage & KEY_CERT_SIGN) !== 0,
    hasSubjectKeyId: read(SUBJECT_KEY)?.tag === TAG.octetString,
    hasAuthorityKeyId: read(AUTHORITY_KEY)?.children[0]?.tag === 0x80,
    hasCriticalAltNames: found.get(SUBJECT_NAMES)?.critical === true,
  };
}

function readExtension(extension: Element, name: string): Extension {
  const critical = extension.children.length === 3;
  // DER leaves out what is the default (X.690 §11.5), and false is.
  if (critical) assertTrue(getChild(extension, 1));
  if (UNSUPPORTED.includes(name)) throw new CertificateError('has a constraint that is not supported');
  if (critical && !SUPPORTED_CRITICAL.includes(name))
    throw new CertificateError('has a critical extension that is not supported');
  return { critical, octets: getChild(extension, critical ? 2 : 1).content };
}

function assertTrue({ tag, content }: Element): void {
  if (tag !== TAG.boolean || content[0] !== 0xff) throw new CertificateError('cannot be read');
}

/** No purpose is registered for signers of attestations: a certificate is for any, or for another (RFC 5280 §4.2.1.12). */
function assertAnyPurpose(purposes: Element | undefined): void {
  if (purposes?.children.every(({ content }) => content.toString('hex') !== ANY_EXTENDED_KEY_USAGE)) {
    throw new CertificateError('is for another purpose (its extended key usage)');
  }
}

function readIsCa(basic: Element | undefined): boolean {
  const first = basic?.children[0];
  if (first?.tag !== TAG.boolean) return false;
  assertTrue(first);
  return true;
}

function readPathLength(basic: Element | undefined, isAuthority: boolean): number {
  const length = basic?.children.find(({ tag }) => tag === TAG.integer)?.content;
  if (length === undefined) return Number.POSITIVE_INFINITY;
  if (!isAuthority || (length[0] ?? 0) >= 0x80) throw new CertificateError('has a path length that it may not have');
  return Number.parseInt(length.toString('hex'), 16);
}

/** The first byte of KeyUsage. The last bit that is written is set, as one at least has to be (X.690 §11.2.2). */
function readKeyUsage(usage: Element | undefined): number | undefined {
  if (usage === undefined) return undefined;
  const [unused = 0, first = 0] = usage.content;
  const last = usage.content.length > 1 ? (usage.content.at(-1) ?? 0) : 0;
  if (usage.tag !== TAG.bitString || ((last >> unused) & 1) === 0)
    throw new CertificateError('has a key usage that cannot be read');
  return first;
}
