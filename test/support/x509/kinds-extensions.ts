import { type Fields, ID, identifierOf } from '../attester/certificates.js';
import { bits, extension, FALSE, integer, NULL, octets, oid, sequence, TRUE, tlv } from './der.js';
import { atEach, type Change, GOOD, INVALID, type Kind, root } from './kinds.js';

/* Extensions: processed extensions, constraints, and unknown extensions. */

const EXCLUDED = 'excluded subtree violation';
const PROXY = 'proxy certificates not allowed';
const EXPLICIT = ['no explicit policy', 'no explicit policy', 'OK'];
const POLICY = ['invalid or inconsistent certificate policy extension', 'invalid or inconsistent', 'OK'];
const BARE = ['Missing Authority Key Identifier', 'invalid CA', 'invalid CA'];
const UNHANDLED = 'unhandled critical extension';
const NO_CA = 'Key usage keyCertSign invalid for non-CA cert';
const all = (said: string): readonly string[] => Array(3).fill(said);

const put = (id: string, value: Buffer, critical = false): Change => ({
  extensions: { [id]: extension(id, value, critical) },
});
const without = (id: string): Change => ({ extensions: { [id]: null } });
const basic = (value: Buffer, critical = true): Change => put(ID.basicConstraints, value, critical);
const usage = (value: Buffer, critical = true): Change => put(ID.keyUsage, value, critical);

const basicKinds: ReadonlyArray<readonly [string, Change, ...string[]]> = [
  ['no basicConstraints', without(ID.basicConstraints), 'OK', 'invalid CA', 'invalid CA'],
  ['cA false', { ca: false, keyUsage: 0x80 }, 'OK', 'invalid CA', 'invalid CA'],
  ['cA false, keyCertSign', { ca: false, keyUsage: 0x04 }, NO_CA, 'invalid CA', 'invalid CA'],
  ['cA', basic(sequence(TRUE)), 'OK', 'OK', 'OK'],
  ['cA, keyCertSign', { ca: true, keyUsage: 0x84 }, 'OK', 'OK', 'OK'],
  ['cA not critical', { ca: true, ...basic(sequence(TRUE), false) }, ...all('not marked critical')],
  ['cA false, written', basic(sequence(FALSE)), 'OK', 'invalid CA', 'invalid CA'],
  ['cA false, not critical', basic(sequence(), false), 'OK', 'invalid CA', 'invalid CA'],
  ['cA that is 1, as BER has it', { ca: true, ...basic(sequence(tlv(0x01, Buffer.from([1])))) }, 'OK', 'OK', 'OK'],
  ['a path length without cA', basic(sequence(integer(0))), ...all('invalid')],
  ['a path length that is negative', basic(sequence(TRUE, integer(0xff))), ...INVALID],
  ['a path length of nine bytes', basic(sequence(TRUE, integer(1, 2, 3, 4, 5, 6, 7, 8, 9))), 'OK', 'OK', 'OK'],
  ['basicConstraints that are NULL', basic(NULL), ...INVALID],
  ['basicConstraints with more', basic(sequence(TRUE, integer(9), NULL)), ...INVALID],
  ['basicConstraints followed by a byte', basic(Buffer.concat([sequence(TRUE), Buffer.from([0])])), ...GOOD],
  ['empty basicConstraints', basic(Buffer.alloc(0)), ...INVALID],
];

const usageKinds: ReadonlyArray<readonly [string, Change, ...string[]]> = [
  ['no keyUsage', { keyUsage: null }, 'OK', 'CA cert does not include key usage', 'CA cert does not include key usage'],
  ['keyUsage that allows all', usage(bits(Buffer.from([0xff, 0x80]), 7)), NO_CA, 'OK', 'OK'],
  ['keyUsage for signatures alone', { keyUsage: 0x80 }, 'OK', 'invalid CA', 'invalid CA'],
  ['keyUsage for encryption alone', { keyUsage: 0x20 }, 'OK', 'invalid CA', 'invalid CA'],
  ['keyUsage that is not critical', usage(bits(Buffer.from([0x84]), 2), false), NO_CA, 'OK', 'OK'],
  ['keyUsage that allows nothing', usage(bits(Buffer.from([0]))), ...INVALID],
  ['empty keyUsage', usage(bits(Buffer.alloc(0))), ...INVALID],
  ['keyUsage with zero bits at its end', usage(bits(Buffer.from([0x86, 0]), 0)), NO_CA, 'OK', 'OK'],
  ['keyUsage with unused bits that are set', usage(bits(Buffer.from([0x87]), 2)), NO_CA, 'OK', 'OK'],
  ['keyUsage that is a number', usage(integer(0x04)), ...INVALID],
];

const anyUse = oid('551d2500');
const otherUses: ReadonlyArray<readonly [string, Change, ...string[]]> = [
  ['extKeyUsage of another purpose', put('551d25', sequence(oid('2b06010505070301'))), ...GOOD],
  ['extKeyUsage of another purpose, critical', put('551d25', sequence(oid('2b06010505070301')), true), ...GOOD],
  ['extKeyUsage of any purpose', put('551d25', sequence(anyUse)), ...GOOD],
  ['extKeyUsage of none', put('551d25', sequence()), ...GOOD],
  ['extKeyUsage that is NULL', put('551d25', NULL), ...INVALID],
  ['Netscape certificate type', put('6086480186f8420101', bits(Buffer.from([0xf7]))), ...GOOD],
];

const identifiers: ReadonlyArray<readonly [string, Change, ...string[]]> = [
  ['no subject key identifier', without(ID.subjectKey), 'OK', 'Missing Subject Key', 'Missing Subject Key'],
  ['no authority key identifier', without(ID.authorityKey), 'Missing Authority Key', 'Missing Authority Key', 'OK'],
  ['authority key identifier of nothing', put(ID.authorityKey, sequence()), 'Missing Auth', 'Missing Auth', 'OK'],
  ['authority key identifier, critical', put(ID.authorityKey, own(), true), ...INVALID.slice(1)],
  ['subject key identifier, critical', put(ID.subjectKey, octets(Buffer.alloc(20)), true), UNHANDLED],
  ['authority key identifier of another', put(ID.authorityKey, own()), ...INVALID.slice(1)],
  ['subject key identifier that is NULL', put(ID.subjectKey, NULL), ...INVALID],
  ['authority key identifier that is NULL', put(ID.authorityKey, NULL), ...INVALID],
];

function own(): Buffer {
  return sequence(tlv(0x80, Buffer.alloc(20, 7)));
}

/** A GeneralSubtree with a DNS name (RFC 5280 §4.2.1.10). */
const subtree = sequence(tlv(0x82, Buffer.from('example.com')));

const constraints: ReadonlyArray<readonly [string, string, Buffer, ...string[]]> = [
  ['nameConstraints, permitted', '551d1e', sequence(tlv(0xa0, subtree))],
  ['nameConstraints, excluded', '551d1e', sequence(tlv(0xa1, subtree))],
  [
    'nameConstraints, no common name',
    '551d1e',
    sequence(tlv(0xa1, sequence(tlv(0xa4, sequence())))),
    'OK',
    EXCLUDED,
    EXCLUDED,
  ],
  ['policyConstraints, requireExplicitPolicy', '551d24', sequence(tlv(0x80, Buffer.from([0]))), ...EXPLICIT],
  ['policyConstraints, inhibitPolicyMapping', '551d24', sequence(tlv(0x81, Buffer.from([0])))],
  ['inhibitAnyPolicy', '551d36', integer(0)],
  ['policyMappings', '551d21', sequence(sequence(oid('2a0301'), oid('2a0302')))],
  ['addresses (RFC 3779)', '2b06010505070107', sequence(sequence(octets(Buffer.from([0, 1])), NULL))],
];

const constraintKinds = constraints.flatMap(([name, id, value, ...said]) => [
  ...atEach(`${name}, critical`, put(id, value, true), said.length > 0 ? said : GOOD),
  ...atEach(`${name}, not critical`, put(id, value), said.length > 0 ? said : GOOD),
]);

const others: ReadonlyArray<readonly [string, Change, ...string[]]> = [
  ['certificatePolicies', put('551d20', sequence(sequence(oid('2a0301')))), ...GOOD],
  ['certificatePolicies, critical', put('551d20', sequence(sequence(oid('2a0301'))), true), ...GOOD],
  ['certificatePolicies with an address', put('551d20', sequence(policy('2b06010505070201'))), ...GOOD],
  ['certificatePolicies with a notice', put('551d20', sequence(policy('2b06010505070202', sequence()))), ...GOOD],
  [
    'certificatePolicies with an address that is none',
    put('551d20', sequence(policy('2b06010505070201', NULL))),
    ...POLICY,
  ],
  ['certificatePolicies that are sets', put('551d20', sequence(tlv(0x31, policy()))), ...POLICY],
  ['certificatePolicies twice the same', put('551d20', sequence(policy(), policy())), ...POLICY],
  ['certificatePolicies of none', put('551d20', sequence()), ...GOOD],
  ['certificatePolicies that are NULL', put('551d20', NULL), ...POLICY],
  ['an extension that nobody knows', put('2a0304', NULL), ...GOOD],
  ['an extension that nobody knows, not DER', put('2a0304', Buffer.from('no DER')), ...GOOD],
  ['an extension that nobody knows, critical', put('2a0304', NULL, true), ...all(UNHANDLED)],
  ['proxyCertInfo', put('2b0601050507010e', sequence(sequence(oid('2b06010505071501')))), PROXY, ...INVALID.slice(1)],
  ['cRLDistributionPoints', put('551d1f', points('http://example.com/crl')), ...GOOD],
  ['cRLDistributionPoints that are NULL', put('551d1f', NULL), ...INVALID],
  ['no extensions', { fields: () => ({ extensions: Buffer.alloc(0) }) }, ...BARE],
  ['an empty list of extensions', { fields: () => ({ extensions: tlv(0xa3, sequence()) }) }, ...BARE],
  ['an extension twice', { fields: twice }, ...INVALID],
  ['an unknown extension twice', { fields: (fields) => twice(fields, extension('2a0304', NULL)) }, ...GOOD],
];

/** A PolicyInformation with a qualifier. */
function policy(qualifier?: string, value = tlv(0x16, Buffer.from('http://example.com'))): Buffer {
  return sequence(oid('2a0301'), ...(qualifier === undefined ? [] : [sequence(sequence(oid(qualifier), value))]));
}

function points(url: string): Buffer {
  return sequence(sequence(tlv(0xa0, tlv(0xa0, tlv(0x86, Buffer.from(url))))));
}

/** Adds an extension twice, by default an extension that the certificate already has. */
function twice({ extensions }: Fields, added?: Buffer): Partial<Fields> {
  const list = extensions.subarray(4).subarray(extensions[3] === 0x81 ? 1 : 0);
  const doubled = added ?? extension(ID.subjectKey, octets(identifierOf(root.publicKey)));
  return { extensions: tlv(0xa3, sequence(list, doubled, ...(added === undefined ? [] : [added]))) };
}

export const extensionKinds: readonly Kind[] = [
  ...[...basicKinds, ...usageKinds, ...otherUses, ...identifiers, ...others].flatMap(([name, change, ...said]) =>
    atEach(name, change, said),
  ),
  ...constraintKinds,
];
