import { type KeyObject, X509Certificate } from 'node:crypto';
import { type CertificateFacts, certificateFacts } from './client-attestation-der.js';
import { invalid } from './client-attestation-refusals.js';

/*
 * The certificate path of the `x5c` header (RFC 7515 §4.1.6), checked up to an anchor (RFC 5280 §6, as far as chains of
 * attesters need it: no policies, no name constraints, no revocation; a chain that demands one of these is refused).
 */

/** A certificate with all that is asked of it. */
interface Certificate extends CertificateFacts {
  readonly x509: X509Certificate;
  /** Unix times in ms. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** Certificates that a chain may have, the anchor not counted. */
const CHAIN_CERTIFICATES = 5;

/** Hex of the DER of the OIDs: ECDSA and RSA with SHA-256, -384, -512, RSASSA-PSS, Ed25519, Ed448. SHA-1 is none. */
const SIGNATURE_ALGORITHMS: readonly string[] = [
  '2a8648ce3d040302',
  '2a8648ce3d040303',
  '2a8648ce3d040304',
  '2a864886f70d01010b',
  '2a864886f70d01010c',
  '2a864886f70d01010d',
  '2a864886f70d01010a',
  '2b6570',
  '2b6571',
];

/** The certificates of trust anchors. */
export type TrustAnchors = readonly Certificate[];

/** Reads the certificates of PEM texts. Throws a TypeError if there is none, or one that is not a CA's. */
export function trustAnchorsOf(texts: readonly string[]): TrustAnchors {
  const blocks = texts.flatMap(
    (text) => text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [],
  );
  if (blocks.length === 0) throw new TypeError('must hold certificates as PEM');
  return blocks.map((block) => {
    const anchor = parse(block);
    if (anchor === undefined) throw new TypeError('holds a certificate that cannot be read');
    if (!anchor.x509.ca) throw new TypeError('holds a certificate that is not of a certification authority');
    return anchor;
  });
}

/**
 * The key of the first certificate of a chain in order, each issued by the next and the last by an anchor, at the time
 * `now` (Unix time in ms). The anchor itself may be sent as the last. Throws a refusal for any other chain.
 */
export function keyOfChain(x5c: unknown, anchors: TrustAnchors, now: number): KeyObject {
  const chain = withoutAnchor(parseChain(x5c), anchors);
  const [leaf] = chain;
  if (leaf === undefined) throw invalid('The x5c header has no certificate below the trust anchor.');
  if (!leaf.maySign) throw invalid('The key usage of the attester certificate does not include signatures.');
  const last = chain.length - 1;
  for (const [index, certificate] of chain.entries()) {
    demandUsable(certificate, now);
    const issuers = index === last ? anchors : chain.slice(index + 1, index + 2);
    const issuer = issuers.find((candidate) => issued(candidate, certificate));
    if (issuer === undefined) throw invalid('The certificates of the x5c header do not lead to a trust anchor.');
    if (!issuer.x509.ca || !issuer.mayCertify) throw invalid('An issuer in the x5c header may not issue certificates.');
    if (issuer.pathLength !== undefined && issuer.pathLength < index) {
      throw invalid('The certificates of the x5c header are more than an issuer allows.');
    }
    if (index === last) demandUsable(issuer, now);
  }
  return leaf.x509.publicKey;
}

function parseChain(x5c: unknown): readonly Certificate[] {
  if (!Array.isArray(x5c) || x5c.length === 0) throw invalid('The attestation has no certificates in an x5c header.');
  if (x5c.length > CHAIN_CERTIFICATES + 1) throw invalid('The x5c header has too many certificates.');
  return x5c.map((text: unknown) => {
    const certificate = typeof text === 'string' ? parse(Buffer.from(text, 'base64')) : undefined;
    if (certificate === undefined) throw invalid('The x5c header has a certificate that cannot be read.');
    return certificate;
  });
}

function withoutAnchor(chain: readonly Certificate[], anchors: TrustAnchors): readonly Certificate[] {
  const last = chain.at(-1);
  return anchors.some(({ x509 }) => last?.x509.raw.equals(x509.raw)) ? chain.slice(0, -1) : chain;
}

function parse(source: string | Buffer): Certificate | undefined {
  try {
    const x509 = new X509Certificate(source);
    const [notBefore, notAfter] = [Date.parse(x509.validFrom), Date.parse(x509.validTo)];
    return { x509, notBefore, notAfter, ...certificateFacts(x509.raw) };
  } catch {
    return undefined;
  }
}

function demandUsable({ notBefore, notAfter, understood, signatureAlgorithm }: Certificate, now: number): void {
  // Written so that a date that could not be read is refused.
  if (!(notBefore <= now && now <= notAfter)) throw invalid('A certificate of the attester is not valid at this time.');
  if (!understood) throw invalid('A certificate of the attester has a critical extension that is not supported.');
  if (!SIGNATURE_ALGORITHMS.includes(signatureAlgorithm)) {
    throw invalid('A certificate of the attester is signed with an algorithm that is not supported.');
  }
}

function issued({ x509: issuer }: Certificate, { x509: subject }: Certificate): boolean {
  try {
    return subject.checkIssued(issuer) && subject.verify(issuer.publicKey);
  } catch {
    return false;
  }
}
