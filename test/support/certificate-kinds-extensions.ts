import { type Fields, ID, identifierOf } from './attester-certificates.js';
import { atEach, type Change, type Kind, root } from './certificate-kinds.js';
import { bits, extension, FALSE, integer, NULL, octets, oid, sequence, TRUE, tlv } from './der.js';

/* Extensions: those that are processed, those that are constraints, and those that nobody knows. */

const OK = ['OK', 'OK', 'OK'];
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
  ['cA false, keyCertSign', { ca: false, keyUsage: 0x04 }, 'key usage keyCertSign', 'invalid CA', 'invalid CA'],
  ['cA', basic(sequence(TRUE)), 'OK', 'OK', 'OK'],
  ['cA, keyCertSign', { ca: true, keyUsage: 0x84 }, 'OK', 'OK', 'OK'],
  ['cA not critical', { ca: true, ...basic(sequence(TRUE), false) }, ...all('not marked critical')],
  ['cA false, written', basic(sequence(FALSE)), 'OK', 'invalid CA', 'invalid CA'],
  ['cA false, not critical', basic(sequence(), false), 'OK', 'invalid CA', 'invalid CA'],
  ['cA that is 1, as BER has it', { ca: true, ...basic(sequence(tlv(0x01, Buffer.from([1])))) }, 'OK', 'OK', 'OK'],
  ['a path length without cA', basic(sequence(integer(0))), ...all('invalid')],
  ['a path length that is negative', basic(sequence(TRUE, integer(0xff))), ...all('')],
  ['a path length of nine bytes', basic(sequence(TRUE, integer(1, 2, 3, 4, 5, 6, 7, 8, 9))), 'OK', 'OK', 'OK'],
  ['basicConstraints that are NULL', basic(NULL), ...all('')],
  ['basicConstraints with more', basic(sequence(TRUE, integer(9), NULL)), ...all('')],
  ['basicConstraints followed by a byte', basic(Buffer.concat([sequence(TRUE), Buffer.from([0])])), ...OK],
  ['empty basicConstraints', basic(Buffer.alloc(0)), ...all('')],
];

const usageKinds: ReadonlyArray<readonly [string, Change, ...string[]]> = [
  ['no keyUsage', { keyUsage: null }, 'OK', 'CA cert does not include key usage', 'CA cert does not include key usage'],
  ['keyUsage that allows all', usage(bits(Buffer.from([0xff, 0x80]), 7)), 'key usage keyCertSign', 'OK', 'OK'],
  ['keyUsage for signatures alone', { keyUsage: 0x80 }, 'OK', 'unable to get local', 'unable to get'],
  ['keyUsage for encryption alone', { keyUsage: 0x20 }, 'OK', 'unable to get local', 'unable to get'],
  ['keyUsage that is not critical', usage(bits(Buffer.from([0x84]), 2), false), 'key usage keyCertSign', 'OK', 'OK'],
  ['keyUsage that allows nothing', usage(bits(Buffer.from([0]))), ...all('')],
  ['empty keyUsage', usage(bits(Buffer.alloc(0))), ...all('')],
  ['keyUsage with zero bits at its end', usage(bits(Buffer.from([0x86, 0]), 0)), 'keyCertSign', 'OK', 'OK'],
  ['keyUsage with unused bits that are set', usage(bits(Buffer.from([0x87]), 2)), 'keyCertSign', 'OK', 'OK'],
  ['keyUsage that is a number', usage(integer(0x04)), ...all('')],
];

const anyUse = oid('551d2500');
const otherUses: ReadonlyArray<readonly [string, Change, ...string[]]> = [
  ['extKeyUsage of another purpose', put('551d25', sequence(oid('2b06010505070301'))), ...OK],
  ['extKeyUsage of another purpose, critical', put('551d25', sequence(oid('2b06010505070301')), true), ...OK],
  ['extKeyUsage of any purpose', put('551d25', sequence(anyUse)), ...OK],
  ['extKeyUsage of none', put('551d25', sequence()), ...all('')],
  ['extKeyUsage that is NULL', put('551d25', NULL), ...all('')],
  ['Netscape certificate type', put('6086480186f8420101', bits(Buffer.from([0xf7]))), ...OK],
];

const identifiers: ReadonlyArray<readonly [string, Change, ...string[]]> = [
  ['no subject key identifier', without(ID.subjectKey), 'OK', 'Missing Subject Key', 'Missing Subject Key'],
  ['no authority key identifier', without(ID.authorityKey), 'Missing Authority Key', 'Missing Authority Key', 'OK'],
  ['authority key identifier of nothing', put(ID.authorityKey, sequence()), 'Missing Auth', 'Missing Auth', 'OK'],
  ['authority key identifier, critical', put(ID.authorityKey, own(), true), ...all('')],
  ['subject key identifier, critical', put(ID.subjectKey, octets(Buffer.alloc(20)), true), ...all('')],
  ['authority key identifier of another', put(ID.authorityKey, own()), 'unable to get local', 'unable', 'unable'],
  ['subject key identifier that is NULL', put(ID.subjectKey, NULL), ...all('')],
  ['authority key identifier that is NULL', put(ID.authorityKey, NULL), ...all('')],
];

function own(): Buffer {
  return sequence(tlv(0x80, Buffer.alloc(20, 7)));
}

/** A GeneralSubtree of a DNS name (RFC 5280 §4.2.1.10). */
const subtree = sequence(tlv(0x82, Buffer.from('example.com')));

const constraints: ReadonlyArray<readonly [string, string, Buffer]> = [
  ['nameConstraints, permitted', '551d1e', sequence(tlv(0xa0, subtree))],
  ['nameConstraints, excluded', '551d1e', sequence(tlv(0xa1, subtree))],
  ['nameConstraints, no common name', '551d1e', sequence(tlv(0xa1, sequence(tlv(0xa4, sequence()))))],
  ['policyConstraints, requireExplicitPolicy', '551d24', sequence(tlv(0x80, Buffer.from([0])))],
  ['policyConstraints, inhibitPolicyMapping', '551d24', sequence(tlv(0x81, Buffer.from([0])))],
  ['inhibitAnyPolicy', '551d36', integer(0)],
  ['policyMappings', '551d21', sequence(sequence(oid('2a0301'), oid('2a0302')))],
  ['addresses (RFC 3779)', '2b06010505070107', sequence(sequence(octets(Buffer.from([0, 1])), NULL))],
];

const constraintKinds = constraints.flatMap(([name, id, value]) => [
  ...atEach(`${name}, critical`, put(id, value, true), OK),
  ...atEach(`${name}, not critical`, put(id, value), OK),
]);

const others: ReadonlyArray<readonly [string, Change, ...string[]]> = [
  ['certificatePolicies', put('551d20', sequence(sequence(oid('2a0301')))), ...OK],
  ['certificatePolicies, critical', put('551d20', sequence(sequence(oid('2a0301'))), true), ...OK],
  ['an extension that nobody knows', put('2a0304', NULL), ...OK],
  ['an extension that nobody knows, not DER', put('2a0304', Buffer.from('no DER')), ...OK],
  ['an extension that nobody knows, critical', put('2a0304', NULL, true), ...all('unhandled critical extension')],
  ['proxyCertInfo', put('2b0601050507010e', sequence(sequence(oid('2b060105050715' + '01')))), ...all('')],
  ['cRLDistributionPoints', put('551d1f', points('http://example.com/crl')), ...OK],
  ['cRLDistributionPoints that are NULL', put('551d1f', NULL), ...all('')],
  ['no extensions', { fields: () => ({ extensions: Buffer.alloc(0) }) }, ...all('')],
  ['an empty list of extensions', { fields: () => ({ extensions: tlv(0xa3, sequence()) }) }, ...all('')],
  ['an extension twice', { fields: twice }, ...all('')],
  ['an unknown extension twice', { fields: (fields) => twice(fields, extension('2a0304', NULL)) }, ...OK],
];

function points(url: string): Buffer {
  return sequence(sequence(tlv(0xa0, tlv(0xa0, tlv(0x86, Buffer.from(url))))));
}

/** Adds an extension two times, by default one that is there already. */
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
