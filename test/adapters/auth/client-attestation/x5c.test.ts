import { type KeyObject, X509Certificate } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { type CertificateOptions, type Issued, issue } from '../../../support/attester/certificates.js';
import {
  attempt,
  attester,
  device,
  expectOutage,
  expectRefusal,
  freshRelay,
  NOW,
  time,
} from '../../../support/auth/client-attestation.js';
import { extension, NULL, nameOf, sequence, tlv } from '../../../support/x509/der.js';
import { rsa } from '../../../support/x509/keys.js';
import { ecdsaWith, pssWith } from '../../../support/x509/signatures.js';

/* draft-ietf-oauth-attestation-based-client-auth §10.8: attesters with a certificate of a certification authority. */

const HOUR_MS = 3_600_000;

describe('clientAttestation with trustAnchors [RFC 7515 §4.1.6]', () => {
  const make = (options: CertificateOptions): Issued => issue(options, NOW);
  const root = make({ name: 'root', ca: true });
  const middle = make({ name: 'middle', ca: true, issuer: root });
  const leaf = make({ name: 'leaf', issuer: middle });
  const otherRoot = make({ name: 'root', ca: true });

  /** An attestation signed with the key of the first certificate. The header has all certificates. */
  function attested(chain: readonly Issued[], x5c: unknown = chain.map(({ base64 }) => base64)): string {
    const [signer] = chain;
    return attester.attest(device, { header: { x5c, kid: undefined }, ...(signer && { key: signer.privateKey }) });
  }

  const direct = make({ name: 'leaf', issuer: root });
  const good: Array<[name: string, chain: readonly Issued[]]> = [
    ['an intermediate certificate', [leaf, middle]],
    ['the anchor sent along', [leaf, middle, root]],
    ['a leaf of the anchor', [direct]],
    ['a leaf that does not limit its use', [make({ name: 'leaf', issuer: root, keyUsage: null })]],
    ['a path as long as allowed', pathOf(0, 1)],
  ];
  it.each(good)('a valid chain is accepted: %s', async (_, chain) => {
    const site = freshRelay({ trustAnchors: root.pem });
    expect((await attempt(site, attested(chain))).status).toBe(200);
  });

  it('a chain is verified with the matching one of several anchors of the same name', async () => {
    const site = freshRelay({ trustAnchors: [otherRoot.pem + root.pem] });
    expect((await attempt(site, attested([leaf, middle]))).status).toBe(200);
  });

  /** A leaf under `count` intermediate certificates. The topmost has this path length. */
  function pathOf(pathLength: number, count: number): readonly Issued[] {
    const chain: Issued[] = [make({ name: 'top', ca: true, issuer: root, pathLength })];
    for (let index = 1; index < count; index += 1) {
      chain.unshift(make({ name: `middle ${index}`, ca: true, issuer: chain[0] as Issued }));
    }
    return [make({ name: 'leaf', issuer: chain[0] as Issued }), ...chain];
  }

  /** The valid chain with one changed certificate. */
  function withMiddle(options: Partial<CertificateOptions>): readonly Issued[] {
    const changed = make({ name: 'middle', ca: true, issuer: root, ...options });
    return [make({ name: 'leaf', issuer: changed }), changed];
  }
  const withLeaf = (options: Partial<CertificateOptions>): readonly Issued[] => [
    make({ name: 'leaf', issuer: middle, ...options }),
    middle,
  ];
  const selfSigned = make({ name: 'leaf' });
  const unknownCritical = { '2a0304': extension('2a0304', NULL, true) };
  const constrained = { '551d1e': extension('551d1e', sequence(tlv(0xa0, sequence(tlv(0x82, Buffer.from('x')))))) };

  const bad: Array<[name: string, chain: readonly Issued[], x5c?: unknown]> = [
    ['a leaf that has expired', withLeaf({ notAfter: NOW - HOUR_MS })],
    ['a leaf that is not valid yet', withLeaf({ notBefore: NOW + HOUR_MS })],
    ['a CA that has expired', withMiddle({ notAfter: NOW - HOUR_MS })],
    ['a CA that is not valid yet', withMiddle({ notBefore: NOW + HOUR_MS })],
    ['an issuer that is no CA', withMiddle({ ca: false })],
    ['an issuer that is no CA, but may sign certificates', withMiddle({ ca: false, keyUsage: 0x04 })],
    ['a CA whose key may not sign certificates', withMiddle({ keyUsage: 0x80 })],
    ['a leaf whose key may not sign', withLeaf({ keyUsage: 0x20 })],
    ['the attestation signed with the key of the CA', [middle]],
    ['another root of the same name', [leaf, make({ name: 'middle', ca: true, issuer: otherRoot })]],
    ['another root sent along', [make({ name: 'leaf', issuer: otherRoot }), otherRoot]],
    ['a self-signed leaf', [selfSigned]],
    ['a self-signed leaf before a good chain', [selfSigned, middle, root]],
    ['the anchor alone', [root]],
    ['a chain out of order', [leaf, root, middle]],
    ['a chain turned round', [leaf, middle], [middle.base64, leaf.base64]],
    ['an issuer that is called by another name', withLeaf({ issuer: { ...middle, subject: nameOf('elsewhere') } })],
    ['a gap', [leaf], [leaf.base64]],
    ['a stranger in between', [leaf, otherRoot, middle]],
    ['a path longer than allowed', pathOf(0, 2)],
    ['more certificates than any chain needs', pathOf(9, 6)],
    ['a critical extension that nobody knows', withLeaf({ extensions: unknownCritical })],
    ['a certificate signed with SHA-1', withMiddle({ signature: ecdsaWith('sha1') })],
    ['a CA with a key of RSA 1024', withMiddle({ keys: rsa(1024) })],
    ['constraints of names, which are not critical', withMiddle({ extensions: constrained })],
    ['white space in the base64', [leaf], [`${leaf.base64.slice(0, 64)}\n${leaf.base64.slice(64)}`, middle.base64]],
    ['base64url', [leaf], [Buffer.from(leaf.base64, 'base64').toString('base64url'), middle.base64]],
    ['a certificate of 5,000 bytes', withLeaf({ extensions: { x: extension('2a0304', Buffer.alloc(4600)) } })],
    ['the key of another leaf', [leaf, middle], [direct.base64]],
    ['an empty list', [leaf], []],
    ['no list', [leaf], null],
    ['a text', [leaf], leaf.base64],
    ['numbers', [leaf], [1, 2]],
    ['no certificates', [leaf], ['AAAA']],
    ['half a certificate', [leaf], [leaf.base64.slice(0, 200), middle.base64]],
    ['a certificate with a changed bit', [leaf], [flip(leaf.base64), middle.base64]],
  ];
  it.each(bad)('an invalid chain is rejected: %s', async (_, chain, x5c) => {
    const site = freshRelay({ trustAnchors: root.pem });
    expectRefusal(await attempt(site, attested(chain, x5c === undefined ? chain.map(({ base64 }) => base64) : x5c)));
    expect((await attempt(site, attested([leaf, middle]))).status).toBe(200);
  });

  /** Flips a bit of the signed part, after all length bytes. */
  function flip(base64: string): string {
    const der = Buffer.from(base64, 'base64');
    der[30] = (der[30] ?? 0) ^ 1;
    return der.toString('base64');
  }

  it('an anchor in the chain does not count, and the anchor alone attests nothing', async () => {
    const anchor = make({ name: 'narrow', ca: true, pathLength: 0, keyUsage: 0x84 });
    const site = freshRelay({ trustAnchors: anchor.pem });
    expect((await attempt(site, attested([make({ name: 'leaf', issuer: anchor }), anchor]))).status).toBe(200);
    expectRefusal(await attempt(site, attested([anchor])));
  });

  it('an attestation without x5c is rejected', async () => {
    expectRefusal(await attempt(freshRelay({ trustAnchors: root.pem }), attester.attest(device)));
  });

  it('the dates of certificates are compared with the clock of the relay', async () => {
    const site = freshRelay({ trustAnchors: root.pem });
    time.now = NOW + 25 * HOUR_MS;
    expectRefusal(await attempt(site, attested([leaf, middle])));
  });

  it.each([
    ['no certificate', 'text', 'must contain certificates in PEM'],
    ['a leaf', leaf.pem, 'not from a certification authority'],
    [
      'a CA whose key may not sign certificates',
      make({ name: 'root', ca: true, keyUsage: 0x80 }).pem,
      'not from a certification authority',
    ],
    [
      'one that demands what nobody knows',
      make({ name: 'root', ca: true, extensions: unknownCritical }).pem,
      'critical',
    ],
    ['a weak key', make({ name: 'root', ca: true, keys: rsa(1024) }).pem, 'has a key that is too weak'],
    ['constraints of names', make({ name: 'root', ca: true, extensions: constrained }).pem, 'has a constraint'],
    ['a broken one', root.pem.replace(/M/g, 'N'), 'is malformed'],
  ])('trustAnchors with %s is a TypeError', (_, trustAnchors, message) => {
    expect(() => freshRelay({ trustAnchors })).toThrow(TypeError);
    expect(() => freshRelay({ trustAnchors })).toThrow(/^clientAttestation\.trustAnchors: /);
    expect(() => freshRelay({ trustAnchors })).toThrow(message);
  });

  it('RSASSA-PSS is accepted with SHA-256 and rejected with SHA-1, its default [RFC 4055 §3.1]', async () => {
    const keys = rsa(2048);
    const anchor = make({ name: 'rsa', ca: true, keys });
    const site = freshRelay({ trustAnchors: anchor.pem });
    const issued = (hash?: 'sha256' | 'sha1') => [
      make({ name: 'leaf', issuer: anchor, ...(hash && { signature: pssWith({ hash }) }) }),
    ];
    for (const chain of [issued(), issued('sha256')]) expect((await attempt(site, attested(chain))).status).toBe(200);
    expectRefusal(await attempt(site, attested(issued('sha1'))));
  });

  it('the signature of an anchor itself does not matter', async () => {
    const anchor = make({ name: 'old', ca: true, signature: ecdsaWith('sha1') });
    const site = freshRelay({ trustAnchors: anchor.pem });
    const chain = [make({ name: 'leaf', issuer: anchor })];
    expect((await attempt(site, attested(chain))).status).toBe(200);
    expect((await attempt(site, attested([...chain, anchor]))).status).toBe(200);
  });

  it.each([
    ['has expired', { notAfter: NOW - HOUR_MS }],
    ['is not valid yet', { notBefore: NOW + HOUR_MS }],
  ])('an anchor that %s is a 503 for a valid chain and a 401 for an invalid one', async (_, dates) => {
    const old = make({ name: 'old', ca: true, ...dates });
    const chain = [make({ name: 'leaf', issuer: old })];
    const site = freshRelay({ trustAnchors: old.pem });
    expectOutage(await attempt(site, attested(chain)));
    expect(site.thrown.at(-1)).toMatchObject({ details: { cause: { code: 'trust_anchor_outdated' } } });
    expectRefusal(await attempt(site, attested([make({ name: 'leaf', issuer: old, notAfter: NOW - HOUR_MS })])));
    expectRefusal(await attempt(site, attested([leaf, middle])));
    const renewed = make({ name: 'old', ca: true, keys: old });
    expect((await attempt(freshRelay({ trustAnchors: [old.pem, renewed.pem] }), attested(chain))).status).toBe(200);
  });

  it('a key is used only after its certificate was verified', async () => {
    const site = freshRelay({ trustAnchors: root.pem });
    const verify = vi.spyOn(X509Certificate.prototype, 'verify');
    const used = (): unknown[] => verify.mock.calls.splice(0).map(([key]) => nameOfKey(key));
    const text = (key: KeyObject): string => key.export({ format: 'pem', type: 'spki' }).toString();
    const known = new Map([root, middle].map((each) => [text(each.publicKey), each.name]));
    const nameOfKey = (key: KeyObject): string => known.get(text(key)) ?? 'a stranger';

    expect((await attempt(site, attested([leaf, middle]))).status).toBe(200);
    expect(used()).toEqual(['root', 'middle']);
    const far = make({ name: 'far', ca: true });
    const near = make({ name: 'near', ca: true, issuer: far });
    expectRefusal(await attempt(site, attested([make({ name: 'leaf', issuer: near }), near, far])));
    expect(used()).toEqual([]);
    const posing = make({
      name: 'near',
      ca: true,
      issuer: { ...far, publicKey: root.publicKey, subject: root.subject },
    });
    expectRefusal(await attempt(site, attested([make({ name: 'leaf', issuer: posing }), posing])));
    expect(used()).toEqual(['root']);
    // The maximum is six certificates, with one check per certificate.
    expect((await attempt(site, attested(pathOf(9, 5)))).status).toBe(200);
    expect(used()).toHaveLength(6);
    expectRefusal(await attempt(site, attested(pathOf(9, 6))));
    expectRefusal(await attempt(site, attested([leaf, { ...middle, base64: 'A'.repeat(5600) }])));
    expectRefusal(await attempt(site, attested(pathOf(0, 2))));
    expect(used()).toEqual([]);
    verify.mockRestore();
  });
});
