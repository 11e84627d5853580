import { type CertificateOptions, type Issued, issue } from '../attester/certificates.js';

/* Kinds of chain. Each chain differs in one point from a valid chain. */

/** A chain with the expected result of `openssl verify`. */
export interface Kind {
  readonly name: string;
  /** `OK`, or a part of the error message. */
  readonly openssl: string;
  /** The attester's certificate first. */
  readonly chain: readonly Issued[];
  readonly anchors: readonly Issued[];
  /** Unix time in ms. Default: {@link NOW}. */
  readonly now?: number;
  /** Whether the anchor is not self-signed, which `openssl` needs as an option (`-partial_chain`). */
  readonly pinned?: boolean;
}

/** Unix time in ms. */
export const NOW = Date.UTC(2030, 5, 15, 12, 0, 30);

export const make = (options: CertificateOptions): Issued => issue(options, NOW);

export const root = make({ name: 'root', ca: true });
export const middle = make({ name: 'middle', ca: true, issuer: root });
export const leaf = make({ name: 'leaf', issuer: middle });

/**
 * The results of `openssl` at each position: for a valid certificate, one that it cannot load, and one that it cannot
 * use.
 */
export const GOOD = ['OK', 'OK', 'OK'];
export const NO_CERTIFICATE = ['Could not read certificate', 'Could not read any untrusted', 'Error loading file'];
export const INVALID = Array.from(GOOD, () => 'unable to get local issuer certificate');

/** Differences from the certificate of the valid chain. */
export type Change = Partial<CertificateOptions>;

type Chain = Pick<Kind, 'chain' | 'anchors'>;

export function withLeaf(change: Change): Chain {
  return { chain: [make({ name: 'leaf', issuer: middle, ...change }), middle], anchors: [root] };
}

export function withMiddle(change: Change): Chain {
  const changed = make({ name: 'middle', ca: true, issuer: root, ...change });
  return { chain: [make({ name: 'leaf', issuer: changed }), changed], anchors: [root] };
}

export function withRoot(change: Change): Chain {
  const changed = make({ name: 'root', ca: true, ...change });
  const between = make({ name: 'middle', ca: true, issuer: changed });
  return { chain: [make({ name: 'leaf', issuer: between }), between], anchors: [changed] };
}

/** The same change of the attester's certificate, of an intermediate certificate, and of the anchor. */
export function atEach(name: string, change: Change, [inLeaf, inMiddle, inRoot]: readonly string[]): readonly Kind[] {
  const kinds: Kind[] = [];
  if (inLeaf !== undefined) kinds.push({ name: `leaf: ${name}`, openssl: inLeaf, ...withLeaf(change) });
  if (inMiddle !== undefined) kinds.push({ name: `intermediate: ${name}`, openssl: inMiddle, ...withMiddle(change) });
  if (inRoot !== undefined) kinds.push({ name: `anchor: ${name}`, openssl: inRoot, ...withRoot(change) });
  return kinds;
}
