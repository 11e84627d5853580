import type { KeyObject } from 'node:crypto';
import { type Certificate, readCertificate } from './certificate.js';
import { CertificateError } from './extensions.js';

/*
 * Validation of the `x5c` header (RFC 7515 §4.1.6) up to a trust anchor: RFC 5280 §6 without policies, name constraints
 * and revocation. `openssl verify -x509_strict -auth_level 2` accepts each chain that this file accepts, and tests
 * compare the two.
 */

/** Maximum number of certificates in an `x5c` header, including the anchor. */
const MAXIMUM_CERTIFICATES = 6;

/** A chain is invalid. The message is a fixed sentence. */
export class ChainError extends Error {
  override readonly name = 'PathRefused';
}

/**
 * A chain is valid except for the dates of its anchor. The host must replace the anchor, so the client is not at fault.
 */
export class AnchorOutdated extends Error {
  override readonly name = 'AnchorOutdated';
  readonly code = 'trust_anchor_outdated';

  constructor() {
    super('The trust anchor is not valid at this time.');
  }
}

export type TrustAnchors = readonly Certificate[];

/** Reads the certificates in PEM texts. Throws a TypeError if there are none, or for an unsuitable certificate. */
export function parseTrustAnchors(texts: readonly string[]): TrustAnchors {
  const blocks = texts.flatMap((text) => [
    ...text.matchAll(/-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----/g),
  ]);
  if (blocks.length === 0) throw new TypeError('must contain certificates in PEM');
  return blocks.map(([, base64 = '']) => {
    try {
      const anchor = readCertificate(base64.replace(/\s/g, ''));
      assertCa(anchor);
      return anchor;
    } catch (error) {
      throw error instanceof CertificateError ? new TypeError(`contains a certificate that ${error.message}`) : error;
    }
  });
}

/**
 * Validates a chain at the time `now` (Unix time in ms) and returns the key of its first certificate. Each certificate
 * must be issued by the next. The path ends at the first certificate that an anchor issued. Throws {@link ChainError}
 * or {@link AnchorOutdated}.
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

/** Verifies signatures last and from the anchor down, so that only verified keys cost verification time. */
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
  // The signature of the anchor itself does not matter, since the host declares the anchor as trusted.
  if (!isCurrent(anchor, now)) throw new AnchorOutdated();
  return leaf.key;
}

function readChain(x5c: unknown): readonly Certificate[] {
  if (!Array.isArray(x5c) || x5c.length === 0) throw new ChainError('The attestation has no certificates (x5c).');
  if (x5c.length > MAXIMUM_CERTIFICATES) throw new ChainError('The x5c header has too many certificates.');
  const chain = x5c.map((text: unknown) => readCertificate(text));
  const inOrder = ({ x509 }: Certificate, at: number): boolean =>
    at === 0 || chain[at - 1]?.x509.checkIssued(x509) === true;
  if (!chain.every(inOrder)) throw new ChainError(NO_PATH);
  return chain;
}

/** Finds an anchor with the name and the key identifier of the issuer. Prefers an anchor that is valid now. */
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
    throw new CertificateError("does not name its issuer's key (authority key identifier)");
}

function assertAttester({ isCa, digitalSignature, keyCertSign }: Certificate): void {
  if (isCa || !digitalSignature || keyCertSign) throw new CertificateError('cannot sign attestations');
}

function assertCa({ isCa, keyCertSign, hasSubjectKeyId }: Certificate): void {
  if (!isCa || !keyCertSign) throw new CertificateError('is not from a certification authority');
  if (!hasSubjectKeyId) throw new CertificateError('does not name its own key (subject key identifier)');
}

/** Unlike RFC 5280 §6.1.4, this function also counts self-issued certificates. */
function assertPathLengths(path: readonly Certificate[]): void {
  // The attester's certificate, at 0, does not count.
  if (path.some(({ pathLength }, at) => pathLength < at - 1)) {
    throw new ChainError('The chain of the x5c header is longer than an issuer allows.');
  }
}
