import { type CertificateOptions, ID, type Issued } from '../attester/certificates.js';
import { extension, nameOf, oid, sequence, tlv } from './der.js';
import { type Kind, leaf, make, middle, NOW, root, withLeaf, withMiddle, withRoot } from './kinds.js';

/* Names, and the order and length of certification paths. */

const NO_ISSUER = 'unable to get local issuer certificate';

const path = (name: string, openssl: string, chain: readonly Issued[], anchors = [root]): Kind => ({
  name,
  openssl,
  chain,
  anchors,
});

/** A leaf under `count` intermediate certificates. `change` applies to the topmost one. */
function long(count: number, change: Partial<CertificateOptions>, topIssuer = root): readonly Issued[] {
  const chain: Issued[] = [make({ name: 'top', ca: true, issuer: topIssuer, ...change })];
  for (let index = 1; index < count; index += 1) {
    chain.unshift(make({ name: `middle ${index}`, ca: true, issuer: chain[0] ?? root }));
  }
  return [make({ name: 'leaf', issuer: chain[0] ?? root }), ...chain];
}

const authority = (name: string, issuer?: Issued, keys?: Issued): Issued =>
  make({ name, ca: true, ...(issuer && { issuer }), ...(keys && { keys }) });

const narrow = make({ name: 'narrow', ca: true, pathLength: 0 });
const selfSigned = make({ name: 'leaf' });
const otherRoot = authority('root');
const stranger = authority('stranger');
const both = make({ name: 'root', ca: true, keyUsage: 0x84 });
const crossed = authority('middle', stranger, middle);
const second = authority('second');
const secondByRoot = authority('second', root, second);
const rootBySecond = authority('root', second, root);
const [loopA, loopB] = [authority('a'), authority('b')];
const loop = [make({ name: 'leaf', issuer: loopA }), authority('a', loopB, loopA), authority('b', loopA, loopB)];
const selfIssued = make({ name: 'top', ca: true, issuer: { ...middle, subject: nameOf('top') } });
const oldMiddle = make({ name: 'middle', ca: true, keys: middle, notAfter: NOW - 1000 });

const orders: readonly Kind[] = [
  path('the good chain', 'OK', [leaf, middle]),
  path('the anchor at its end', 'OK', [leaf, middle, root]),
  path('a leaf of the anchor', 'OK', [make({ name: 'leaf', issuer: root })]),
  path('no intermediate certificate', NO_ISSUER, [leaf]),
  path('an intermediate certificate twice', 'OK', [leaf, middle, middle]),
  path('the leaf twice', 'OK', [leaf, leaf, middle]),
  path('the anchor twice', 'OK', [leaf, middle, root, root]),
  path('the anchor before the intermediate certificate', 'OK', [leaf, root, middle]),
  path('the leaf at the end', 'OK', [middle, leaf]),
  path('a stranger in between', 'OK', [leaf, stranger, middle]),
  path('a stranger at the end', 'OK', [leaf, middle, stranger]),
  path('a link is missing', NO_ISSUER, [...long(3, {}).slice(0, 2), ...long(3, {}).slice(3)]),
  path('a self-signed leaf', 'self-signed certificate', [selfSigned]),
  path('a self-signed leaf before the good chain', 'self-signed certificate', [selfSigned, middle, root]),
  path('the anchor as the leaf', 'OK', [root]),
  path('the anchor as the leaf, which may sign', 'OK', [both], [both]),
  path('an intermediate certificate as the leaf', 'OK', [middle]),
  path('an anchor of the same name', NO_ISSUER, [leaf, middle], [otherRoot]),
  path('an anchor of the same name before the right one', 'OK', [leaf, middle], [otherRoot, root]),
  path('another root at its end', 'self-signed certificate in certificate chain', [
    make({ name: 'leaf', issuer: stranger }),
    stranger,
  ]),
  path('a loop', NO_ISSUER, loop),
  path('a loop with itself', NO_ISSUER, [make({ name: 'leaf', issuer: selfIssued }), selfIssued]),
  path('a cross-signed intermediate certificate, of the anchor', 'OK', [leaf, crossed], [stranger]),
  path('a cross-signed intermediate certificate, of another', NO_ISSUER, [leaf, crossed], [root]),
  path('a root that another root signed', 'OK', [make({ name: 'leaf', issuer: second }), secondByRoot], [root]),
  path(
    'a root that another root signed, both anchors',
    'OK',
    [make({ name: 'leaf', issuer: second }), secondByRoot],
    [root, second],
  ),
  path('roots that signed each other', 'OK', [leaf, middle, rootBySecond, secondByRoot], [root]),
  path('roots that signed each other, the other is the anchor', 'OK', [leaf, middle, rootBySecond], [second]),
  path('an anchor that has expired is nearer', 'certificate has expired', [leaf, middle], [root, oldMiddle]),
  { ...path('an intermediate certificate is the anchor', 'OK', [leaf], [middle]), pinned: true },
  {
    ...path('an intermediate certificate is the anchor, and sent', 'OK', [leaf, middle, root], [middle]),
    pinned: true,
  },
  { ...path('the anchor is the leaf', 'OK', [leaf], [leaf]), pinned: true },
  { ...path('the anchor is a root that another signed', 'OK', [leaf, middle], [rootBySecond]), pinned: true },
];

const lengths: readonly Kind[] = [
  path('path length 0, one below', 'OK', long(1, { pathLength: 0 })),
  path('path length 0, two below', 'path length constraint exceeded', long(2, { pathLength: 0 })),
  path('path length 1, two below', 'OK', long(2, { pathLength: 1 })),
  path('path length 1, three below', 'path length constraint exceeded', long(3, { pathLength: 1 })),
  path('path length 128, two below', 'OK', long(2, { ...lengthOf128() })),
  path('path length 0 of the anchor, a leaf', 'OK', [make({ name: 'leaf', issuer: narrow })], [narrow]),
  path('path length 0 of the anchor, an intermediate', 'path length', long(1, {}, narrow), [narrow]),
  path('path length 0, one below of its own name', 'OK', ownName()),
  path('five certificates', 'OK', long(4, {})),
  path('five certificates and the anchor', 'OK', [...long(4, {}), root]),
  path('six certificates', 'OK', long(5, {})),
  path('seven certificates', 'OK', long(6, {})),
];

function lengthOf128(): Partial<CertificateOptions> {
  const value = sequence(Buffer.from([0x01, 0x01, 0xff]), Buffer.from([0x02, 0x02, 0x00, 0x80]));
  return { extensions: { [ID.basicConstraints]: extension(ID.basicConstraints, value, true) } };
}

/** RFC 5280 §6.1.4 (l) does not count self-issued certificates. */
function ownName(): readonly Issued[] {
  const top = make({ name: 'top', ca: true, issuer: root, pathLength: 0 });
  const again = authority('top', top);
  return [make({ name: 'leaf', issuer: again }), again, top];
}

const names = (...entries: readonly Buffer[]): Buffer => sequence(...entries);
const email = tlv(0x81, Buffer.from('a@example.com'));
const unnamed = (value: Buffer | null, critical = true): Partial<CertificateOptions> => ({
  fields: () => ({ subject: sequence() }),
  extensions: { [ID.subjectNames]: value && extension(ID.subjectNames, value, critical) },
});
const printable = sequence(tlv(0x31, sequence(oid('550403'), tlv(0x13, Buffer.from('  MIDDLE ')))));

const nameKinds: readonly Kind[] = [
  { name: 'leaf: empty subject', openssl: 'Subject name empty', ...withLeaf(unnamed(null)) },
  { name: 'leaf: empty subject, critical other names', openssl: 'OK', ...withLeaf(unnamed(names(email))) },
  { name: 'leaf: empty subject, other names', openssl: 'not critical', ...withLeaf(unnamed(names(email), false)) },
  {
    name: 'leaf: no other names',
    openssl: 'Empty Subject Alternative Name',
    ...withLeaf({ extensions: unnamed(names()).extensions ?? {} }),
  },
  { name: 'leaf: other names of no kind', openssl: NO_ISSUER, ...withLeaf(unnamed(names(tlv(0x99, Buffer.alloc(1))))) },
  { name: 'intermediate: empty subject', openssl: 'Issuer name empty', ...withMiddle(unnamed(names(email))) },
  { name: 'anchor: empty subject', openssl: 'Issuer name empty', ...withRoot(unnamed(names(email))) },
  { name: 'leaf: empty issuer', openssl: NO_ISSUER, ...withLeaf({ fields: () => ({ issuer: sequence() }) }) },
  {
    name: 'leaf: another issuer',
    openssl: NO_ISSUER,
    ...withLeaf({ issuer: { ...middle, subject: nameOf('elsewhere') } }),
  },
  { name: 'leaf: issuer of other letters', openssl: 'OK', ...withLeaf({ fields: () => ({ issuer: printable }) }) },
  {
    name: 'leaf: issuer of one name more',
    openssl: NO_ISSUER,
    ...withLeaf({ fields: () => ({ issuer: twoNames() }) }),
  },
  { name: 'leaf: the name of its issuer', openssl: 'OK', ...withLeaf({ name: 'middle' }) },
];

function twoNames(): Buffer {
  return sequence(nameOf('middle').subarray(2), nameOf('middle').subarray(2));
}

export const pathKinds: readonly Kind[] = [...orders, ...lengths, ...nameKinds];
