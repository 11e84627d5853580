import { type KeyObject, X509Certificate } from 'node:crypto';
import { type CertificateFacts, certificateFacts } from './certificate-facts.js';

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

/** Hex of the OIDs: ECDSA and RSA with SHA-256, -384, -512, RSASSA-PSS with the same, Ed25519, Ed448. SHA-1 is none. */
const SIGNATURE_ALGORITHMS: readonly string[] = [
  ...['2a8648ce3d040302', '2a8648ce3d040303', '2a8648ce3d040304'],
  ...['2a864886f70d01010b', '2a864886f70d01010c', '2a864886f70d01010d'],
  ...['608648016503040201', '608648016503040202', '608648016503040203'].map((hash) => `2a864886f70d01010a/${hash}`),
  ...['2b6570', '2b6571'],
];

/** A chain is not good. The message is a fixed sentence. */
export class PathRefused extends Error {
  override readonly name = 'PathRefused';
}

/** A chain is good but for the dates of its anchor, which are the host's concern and not of who sent it. */
export class AnchorOutdated extends Error {
  override readonly name = 'AnchorOutdated';
  readonly code = 'trust_anchor_outdated';

  constructor() {
    super('The trust anchor is not valid at this time.');
  }
}

/** The certificates of trust anchors. */
export type TrustAnchors = readonly Certificate[];

/** Reads the certificates of PEM texts. Throws a TypeError if there is none, or one that no chain can lead to. */
export function trustAnchorsOf(texts: readonly string[]): TrustAnchors {
  const blocks = texts.flatMap(
    (text) => text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [],
  );
  if (blocks.length === 0) throw new TypeError('must hold certificates as PEM');
  return blocks.map((block) => {
    const anchor = parse(block);
    if (anchor === undefined) throw new TypeError('holds a certificate that cannot be read');
    if (!anchor.x509.ca) throw new TypeError('holds a certificate that is not of a certification authority');
    if (!anchor.understood) throw new TypeError('holds a certificate with a critical extension that is not supported');
    return anchor;
  });
}

/**
 * The key of the first certificate of a chain in order, each issued by the next and the last by an anchor, at the time
 * `now` (Unix time in ms). The anchor itself may be sent as the last. Throws {@link PathRefused} for any other chain, and
 * {@link AnchorOutdated}.
 */
export function keyOfChain(x5c: unknown, anchors: TrustAnchors, now: number): KeyObject {
  const chain = withoutAnchor(parseChain(x5c), anchors);
  const [leaf] = chain;
  if (leaf === undefined) throw new PathRefused('The x5c header has no certificate below the trust anchor.');
  if (!leaf.maySign) throw new PathRefused('The key usage of the attester certificate does not include signatures.');
  const anchor = anchorOf(chain, anchors, now);
  // From the anchor down: a key is used only when its certificate was verified, as others may be made to cost time.
  let issuer = anchor;
  for (const [below, certificate] of [...chain.entries()].reverse()) {
    demandUsable(certificate, now);
    // The anchor is there for what it issued.
    if (issuer !== anchor && !issued(issuer, certificate)) throw new PathRefused(NO_PATH);
    if (below > 0) demandIssuer(certificate);
    if (issuer.pathLength !== undefined && issuer.pathLength < below) {
      throw new PathRefused('The certificates of the x5c header are more than an issuer allows.');
    }
    issuer = certificate;
  }
  // The anchor's own signature is not looked at: that it is trusted is the host's word.
  if (!isCurrent(anchor, now)) throw new AnchorOutdated();
  return leaf.x509.publicKey;
}

const NO_PATH = 'The certificates of the x5c header do not lead to a trust anchor.';

/** The anchor that issued the last certificate, one that is valid now before one that is not. */
function anchorOf(chain: readonly Certificate[], anchors: TrustAnchors, now: number): Certificate {
  const top = chain.at(-1);
  const issuers = anchors.filter((anchor) => top !== undefined && issued(anchor, top));
  const anchor = issuers.find((issuer) => isCurrent(issuer, now)) ?? issuers[0];
  if (anchor === undefined) throw new PathRefused(NO_PATH);
  return anchor;
}

function parseChain(x5c: unknown): readonly Certificate[] {
  if (!Array.isArray(x5c) || x5c.length === 0) throw new PathRefused('There are no certificates in an x5c header.');
  if (x5c.length > CHAIN_CERTIFICATES + 1) throw new PathRefused('The x5c header has too many certificates.');
  return x5c.map((text: unknown) => {
    const certificate = typeof text === 'string' ? parse(Buffer.from(text, 'base64')) : undefined;
    if (certificate === undefined) throw new PathRefused('The x5c header has a certificate that cannot be read.');
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
    // Read here, so that a key which cannot be is found at once.
    void x509.publicKey;
    return { x509, notBefore, notAfter, ...certificateFacts(x509.raw) };
  } catch {
    return undefined;
  }
}

function isCurrent({ notBefore, notAfter }: Certificate, now: number): boolean {
  // Written so that a date that could not be read is refused.
  return notBefore <= now && now <= notAfter;
}

function demandUsable(certificate: Certificate, now: number): void {
  if (!isCurrent(certificate, now)) throw new PathRefused('A certificate of the chain is not valid at this time.');
  if (!certificate.understood) {
    throw new PathRefused('A certificate of the chain has a critical extension that is not supported.');
  }
  if (!SIGNATURE_ALGORITHMS.includes(certificate.signatureAlgorithm)) {
    throw new PathRefused('A certificate of the chain is signed with an algorithm that is not supported.');
  }
}

function demandIssuer({ x509, mayCertify }: Certificate): void {
  if (!x509.ca || !mayCertify) throw new PathRefused('An issuer in the x5c header may not issue certificates.');
}

function issued({ x509: issuer }: Certificate, { x509: subject }: Certificate): boolean {
  try {
    return subject.checkIssued(issuer) && subject.verify(issuer.publicKey);
  } catch {
    return false;
  }
}
