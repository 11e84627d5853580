import type { KeyObject } from 'node:crypto';
import { type Certificate, readCertificate } from './certificate.js';
import { CertificateError } from './extensions.js';

/*
 * The certificate path of the `x5c` header (RFC 7515 §4.1.6), checked up to an anchor (RFC 5280 §6, as far as chains of
 * attesters need it: no policies, no name constraints, no revocation). A chain that is accepted here is also accepted by
 * `openssl verify -x509_strict -auth_level 2`.
 */

/** Certificates of an `x5c` header, the anchor included. */
const MAXIMUM_CERTIFICATES = 6;

/** A chain is not good. The message is a fixed sentence. */
export class ChainError extends Error {
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
export function parseTrustAnchors(texts: readonly string[]): TrustAnchors {
  const blocks = texts.flatMap((text) => [
    ...text.matchAll(/-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----/g),
  ]);
  if (blocks.length === 0) throw new TypeError('must hold certificates as PEM');
  return blocks.map(([, base64 = '']) => {
    try {
      const anchor = readCertificate(base64.replace(/\s/g, ''));
      assertCa(anchor);
      return anchor;
    } catch (error) {
      throw error instanceof CertificateError ? new TypeError(`holds a certificate that ${error.message}`) : error;
    }
  });
}

/**
 * The key of the first certificate of a chain in order, each issued by the next, at the time `now` (Unix time in ms).
 * The path ends at the first certificate that an anchor issued. Throws {@link ChainError} for any other chain, and
 * {@link AnchorOutdated}.
 */
export function verifyChain(x5c: unknown, anchors: TrustAnchors, now: number): KeyObject {
  try {
    return verifyPath(readChain(x5c), anchors, now);
  } catch (error) {
    throw error instanceof CertificateError
      ? new ChainError(`The x5c header has a certificate that ${error.message}.`)
      : error;
  }
}

const NO_PATH = 'The certificates of the x5c header do not lead to a trust anchor.';

/** Signatures are checked last and from the anchor down: only keys that were verified cost time. */
function verifyPath(chain: readonly Certificate[], anchors: TrustAnchors, now: number): KeyObject {
  const top = chain.findIndex((certificate) => findAnchor(certificate, anchors, now) !== undefined);
  const path = chain.slice(0, top + 1);
  const [leaf, last] = [path[0], path.at(-1)];
  const anchor = last && findAnchor(last, anchors, now);
  if (leaf === undefined || anchor === undefined) throw new ChainError(NO_PATH);
  assertAttester(leaf);
  for (const certificate of path) assertValid(certificate, now);
  for (const authority of path.slice(1)) assertCa(authority);
  assertPathLengths([...path, anchor]);
  let issuer = anchor;
  for (const certificate of path.toReversed()) {
    if (!isSignedBy(certificate, issuer)) throw new ChainError(NO_PATH);
    issuer = certificate;
  }
  // The anchor's own signature is not looked at: that it is trusted is the host's word.
  if (!isCurrent(anchor, now)) throw new AnchorOutdated();
  return leaf.key;
}

function readChain(x5c: unknown): readonly Certificate[] {
  if (!Array.isArray(x5c) || x5c.length === 0) throw new ChainError('There are no certificates in an x5c header.');
  if (x5c.length > MAXIMUM_CERTIFICATES) throw new ChainError('The x5c header has too many certificates.');
  const chain = x5c.map((text: unknown) => readCertificate(text));
  const inOrder = ({ x509 }: Certificate, at: number): boolean =>
    at === 0 || chain[at - 1]?.x509.checkIssued(x509) === true;
  if (!chain.every(inOrder)) throw new ChainError(NO_PATH);
  return chain;
}

/** The anchor that has the name and the key identifier of an issuer, one that is valid now before one that is not. */
function findAnchor({ x509 }: Certificate, anchors: TrustAnchors, now: number): Certificate | undefined {
  const issuers = anchors.filter((anchor) => x509.checkIssued(anchor.x509));
  return issuers.find((issuer) => isCurrent(issuer, now)) ?? issuers[0];
}

function isSignedBy({ x509 }: Certificate, { key }: Certificate): boolean {
  try {
    return x509.verify(key);
  } catch {
    return false;
  }
}

function isCurrent({ notBefore, notAfter }: Certificate, now: number): boolean {
  return notBefore <= now && now < notAfter;
}

function assertValid(certificate: Certificate, now: number): void {
  if (!isCurrent(certificate, now)) throw new CertificateError('is not valid at this time');
  if (!certificate.hasStrongSignature) throw new CertificateError('is signed with an algorithm that is not supported');
  if (!certificate.hasAuthorityKeyId)
    throw new CertificateError("does not name its issuer's key (its authority key identifier)");
}

function assertAttester({ isCa: isAuthority, digitalSignature: maySign, keyCertSign: mayCertify }: Certificate): void {
  if (isAuthority || !maySign || mayCertify) throw new CertificateError('is not for signing attestations');
}

function assertCa({ isCa: isAuthority, keyCertSign: mayCertify, hasSubjectKeyId: namesItsKey }: Certificate): void {
  if (!isAuthority || !mayCertify) throw new CertificateError('is not of a certification authority');
  if (!namesItsKey) throw new CertificateError('does not name its own key (its subject key identifier)');
}

/** Certificates that are issued by their own name are counted as well, unlike in RFC 5280 §6.1.4. */
function assertPathLengths(path: readonly Certificate[]): void {
  // Below the issuer at 1 there is the attester's certificate alone, which does not count.
  if (path.some(({ pathLength }, at) => pathLength < at - 1)) {
    throw new ChainError('The certificates of the x5c header are more than an issuer allows.');
  }
}
