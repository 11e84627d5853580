/*
 * Reads DER (X.690 §10 and §11). BER allows several encodings of a value, and DER one. The reader rejects all other
 * encodings, so that two readers cannot interpret a certificate differently.
 */

export interface Element {
  readonly tag: number;
  /** The whole element, including tag and length. */
  readonly bytes: Buffer;
  readonly content: Buffer;
  /** The inner elements of a constructed element. */
  readonly children: readonly Element[];
}

/** The bytes are not DER, or do not have the expected structure. */
export class DerError extends Error {
  override readonly name = 'NotDer';
}

/** The tags of X.680 §8.4 in certificates, including the bit of constructed elements. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  objectIdentifier: 0x06,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** UTF8String, PrintableString, TeletexString, IA5String, UniversalString and BMPString. */
const STRINGS: readonly number[] = [0x0c, 0x13, 0x14, TAG.ia5String, 0x1c, 0x1e];

const CONSTRUCTED = 0x20;

/** Maximum nesting. Certificates of the profile have about ten levels. */
const MAXIMUM_DEPTH = 32;

/** Reads a single element. Throws {@link DerError}, also if bytes follow the element. */
export function readDer(bytes: Buffer): Element {
  const element = readElement(bytes, 0);
  if (element.bytes.length !== bytes.length) throw new DerError('bytes follow the element');
  return element;
}

/** Throws {@link DerError} if the element has no such child. */
export function getChild(parent: Element, index: number): Element {
  const child = parent.children[index];
  if (child === undefined) throw new DerError('an element is missing');
  return child;
}

function readElement(bytes: Buffer, depth: number): Element {
  const tag = bytes[0];
  if (tag === undefined || depth > MAXIMUM_DEPTH) throw new DerError('the element is missing or nested too deeply');
  const { header, length } = readLength(bytes);
  const end = header + length;
  if (end > bytes.length) throw new DerError('the element is truncated');
  const content = bytes.subarray(header, end);
  const children = (tag & CONSTRUCTED) === 0 ? [] : readElements(content, depth + 1);
  const element = { tag, bytes: bytes.subarray(0, end), content, children };
  if (!isWellFormed(element)) throw new DerError('the value is not DER');
  return element;
}

function readElements(content: Buffer, depth: number): readonly Element[] {
  const elements: Element[] = [];
  for (let rest = content; rest.length > 0; ) {
    const element = readElement(rest, depth);
    elements.push(element);
    rest = rest.subarray(element.bytes.length);
  }
  return elements;
}

/** A definite length in the fewest bytes (X.690 §10.1). A certificate needs at most two bytes for a length. */
function readLength(bytes: Buffer): { readonly header: number; readonly length: number } {
  const first = bytes[1];
  if (first === undefined) throw new DerError('the element is truncated');
  if (first < 0x80) return { header: 2, length: first };
  const size = first & 0x7f;
  if (size === 0 || size > 2 || bytes.length < 2 + size) throw new DerError('the length is not DER');
  const length = bytes.readUIntBE(2, size);
  if (length < 0x80 || (size === 2 && length < 0x100)) throw new DerError('the length is not DER');
  return { header: 2 + size, length };
}

function isWellFormed({ tag, content, children }: Element): boolean {
  const [first = 0, second = 0] = content.subarray(0, 2);
  const last = content.at(-1) ?? 0;
  switch (tag) {
    case TAG.boolean:
      return content.length === 1 && (first === 0x00 || first === 0xff);
    case TAG.integer:
      // The first nine bits must not be all equal (X.690 §8.3.2).
      return content.length === 1 || (content.length > 1 && first !== (second < 0x80 ? 0x00 : 0xff));
    case TAG.bitString:
      // The first byte counts the unused bits of the last byte, and unused bits are zero (X.690 §11.2).
      if (content.length < 2) return content.length === 1 && first === 0;
      return first <= 7 && (last & ((1 << first) - 1)) === 0;
    case TAG.null:
      return content.length === 0;
    case TAG.objectIdentifier:
      // No part starts with a zero digit, and the last part is complete (X.690 §8.19.2).
      return (
        content.length > 0 && last < 0x80 && content.every((byte, at) => byte !== 0x80 || !startsPart(content, at))
      );
    case TAG.set:
      return isSorted(children);
    case TAG.octetString:
    case TAG.sequence:
    case TAG.utcTime:
    case TAG.generalizedTime:
      return true;
    default:
      return STRINGS.includes(tag) || isContextSpecific(tag);
  }
}

function startsPart(content: Buffer, at: number): boolean {
  return at === 0 || (content[at - 1] ?? 0) < 0x80;
}

/** The elements of a SET OF are sorted (X.690 §11.6). Certificates have no empty SET OF. */
function isSorted(children: readonly Element[]): boolean {
  const inOrder = ({ bytes }: Element, at: number): boolean =>
    at === 0 || Buffer.compare(children[at - 1]?.bytes ?? bytes, bytes) <= 0;
  return children.length > 0 && children.every(inOrder);
}

/** Certificates use no tag numbers above 30, which need more than one byte. */
function isContextSpecific(tag: number): boolean {
  return (tag & 0xc0) === 0x80 && (tag & 0x1f) !== 0x1f;
}
