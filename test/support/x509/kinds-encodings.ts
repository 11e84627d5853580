import { type Fields, ID } from '../attester/certificates.js';
import { commonName, extension, FALSE, integer, NULL, octets, oid, sequence, tlv } from './der.js';
import { atEach, type Change, GOOD, INVALID, type Kind, NO_CERTIFICATE, root } from './kinds.js';

/* Encodings of certificate fields that DER does not allow. */

const all = (said: string): readonly string[] => Array(3).fill(said);

const field = (name: keyof Fields, value: Buffer): Change => ({ fields: () => ({ [name]: value }) });
const version = (value: Buffer): Change => field('version', value);
const bare = { fields: (): Partial<Fields> => ({ version: Buffer.alloc(0), extensions: Buffer.alloc(0) }) };

const fieldKinds: ReadonlyArray<readonly [string, Change, ...string[]]> = [
  ['version 1', bare, 'OK', 'invalid CA', 'invalid CA'],
  ['version 1 with extensions', version(Buffer.alloc(0)), ...all('Using cert extension requires at least X509v3')],
  ['version 1, written', version(tlv(0xa0, integer(0))), ...all('Using cert extension requires at least X509v3')],
  ['version 2', version(tlv(0xa0, integer(1))), ...all('Using cert extension requires at least X509v3')],
  ['version 4', version(tlv(0xa0, integer(3))), ...GOOD],
  ['serial number 0', field('serial', integer(0)), ...GOOD],
  ['serial number that is negative', field('serial', integer(0x80)), ...GOOD],
  ['serial number of 20 bytes', field('serial', tlv(0x02, Buffer.alloc(20, 1))), ...GOOD],
  ['serial number of 21 bytes', field('serial', tlv(0x02, Buffer.alloc(21, 1))), ...GOOD],
  ['serial number with a zero before it', field('serial', integer(0, 1)), ...NO_CERTIFICATE],
  ['serial number of no bytes', field('serial', integer()), ...NO_CERTIFICATE],
  ['issuerUniqueID', field('unique', tlv(0x81, Buffer.from([0, 1]))), ...GOOD],
  ['subjectUniqueID', field('unique', tlv(0x82, Buffer.from([0, 1]))), ...GOOD],
  ['a field at the end', field('extensions', Buffer.concat([tlv(0xa3, sequence()), NULL])), ...NO_CERTIFICATE],
];

/** An extension with a value for `critical`. */
const critical = (value: Buffer): Change => ({
  extensions: { '2a0304': sequence(oid('2a0304'), value, octets(NULL)) },
});

/** Encodes the length in three bytes. */
function long(der: Buffer): Buffer {
  const { length } = der;
  return Buffer.concat([Buffer.from([0x30, 0x83, 0, (length - 4) >> 8, (length - 4) & 0xff]), der.subarray(4)]);
}

/** The indefinite length form. */
function endless(der: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x30, 0x80]), der.subarray(4), Buffer.from([0, 0])]);
}

const more = (der: Buffer): Buffer => Buffer.concat([der, Buffer.from([0])]);

const unsorted = tlv(0x31, sequence(oid('550403'), tlv(0x0c, Buffer.from('zz'))), commonName('a'));

const encodings: ReadonlyArray<readonly [string, Change, ...string[]]> = [
  ['a byte after it', { bytes: more }, ...GOOD],
  ['a certificate after it', { bytes: (der) => Buffer.concat([der, root.der]) }, ...GOOD],
  ['cut off', { bytes: (der) => der.subarray(0, -1) }, ...NO_CERTIFICATE],
  ['length in more bytes than it needs', { bytes: long }, ...GOOD],
  ['length that is not there (BER)', { bytes: endless }, ...GOOD],
  ['signed part: length in more bytes', { signed: long }, ...GOOD],
  ['signed part: length that is not there (BER)', { signed: endless }, ...GOOD],
  ['a value after the signature', { parts: (parts) => [...parts, NULL] }, ...NO_CERTIFICATE],
  ['an octet string in parts (BER)', { extensions: { [ID.subjectKey]: inParts() } }, ...INVALID],
  ['critical that is 1 (BER)', critical(tlv(0x01, Buffer.from([1]))), ...all('unhandled critical extension')],
  ['critical that is false, written', critical(FALSE), ...GOOD],
  ['critical of two bytes', critical(tlv(0x01, Buffer.from([0, 0]))), ...NO_CERTIFICATE],
  ['critical that is NULL', critical(NULL), ...NO_CERTIFICATE],
  ['a set that is not in order', field('subject', sequence(unsorted)), ...GOOD],
  ['a name of an empty set', field('subject', sequence(tlv(0x31))), ...all('name empty')],
  ['an object identifier with an empty digit', { extensions: { x: extension('2a8003', NULL) } }, ...NO_CERTIFICATE],
  ['an object identifier that does not end', { extensions: { x: extension('2a0383', NULL) } }, ...NO_CERTIFICATE],
  ['a tag of more than one byte', { extensions: { x: extension('2a0304', Buffer.from([0x1f, 0x81, 0])) } }, ...GOOD],
  ['a name that is not UTF-8', field('subject', sequence(tlv(0x31, strange()))), ...NO_CERTIFICATE.slice(0, 2)],
  ['text of another certificate inside', { extensions: { x: extension('2a0304', pem()) } }, ...GOOD],
  ['bytes of another certificate inside', { extensions: { x: extension('2a0304', root.der) } }, ...GOOD],
  ['4,000 bytes in an extension', { extensions: { x: extension('2a0304', Buffer.alloc(4000)) } }, ...GOOD],
];

function inParts(): Buffer {
  const half = octets(Buffer.alloc(10));
  return sequence(oid(ID.subjectKey), tlv(0x24, octets(tlv(0x04, half).subarray(0, 2)), half));
}

function strange(): Buffer {
  return sequence(oid('550403'), tlv(0x0c, Buffer.from([0xff, 0xfe])));
}

function pem(): Buffer {
  return Buffer.from(`\n${root.pem}`);
}

export const encodingKinds: readonly Kind[] = [...fieldKinds, ...encodings].flatMap(([name, change, ...said]) =>
  atEach(name, change, said),
);
