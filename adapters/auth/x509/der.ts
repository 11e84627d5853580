/*
 * Reads DER (X.690 §10 and §11). BER has several ways to write a value; a certificate that uses another way than that
 * of DER is refused, so that two readers cannot understand it in two ways.
 */

/** One element. */
export interface Element {
  readonly tag: number;
  /** The whole element, with its tag and its length. */
  readonly bytes: Buffer;
  readonly content: Buffer;
  /** The elements inside; none in a primitive one. */
  readonly children: readonly Element[];
}

/** The bytes are not DER, or not of the structure that is read from them. */
export class DerError extends Error {
  override readonly name = 'NotDer';
}

/** The tags of X.680 §8.4 that certificates have, with the bit of constructed ones. */
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

/** Elements inside each other. Certificates of the profile have about ten. */
const MAXIMUM_DEPTH = 32;

/** Reads the one element that the bytes are. Throws {@link DerError}. */
export function readDer(bytes: Buffer): Element {
  const element = readElement(bytes, 0);
  if (element.bytes.length !== bytes.length) throw new DerError('bytes follow the element');
  return element;
}

/** The element at a place inside another. Throws {@link DerError} if there is none. */
export function getChild(parent: Element, index: number): Element {
  const child = parent.children[index];
  if (child === undefined) throw new DerError('an element is missing');
  return child;
}

function readElement(bytes: Buffer, depth: number): Element {
  const tag = bytes[0];
  if (tag === undefined || depth > MAXIMUM_DEPTH) throw new DerError('no element, or too deep');
  const { header, length } = readLength(bytes);
  const end = header + length;
  if (end > bytes.length) throw new DerError('cut off');
  const content = bytes.subarray(header, end);
  const children = (tag & CONSTRUCTED) === 0 ? [] : readElements(content, depth + 1);
  const element = { tag, bytes: bytes.subarray(0, end), content, children };
  if (!isWellFormed(element)) throw new DerError('a value is not as DER writes it');
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

/** Definite, and in as few bytes as it fits (X.690 §10.1). More than two bytes are no certificate. */
function readLength(bytes: Buffer): { readonly header: number; readonly length: number } {
  const first = bytes[1];
  if (first === undefined) throw new DerError('cut off');
  if (first < 0x80) return { header: 2, length: first };
  const size = first & 0x7f;
  if (size === 0 || size > 2 || bytes.length < 2 + size) throw new DerError('a length is not as DER writes it');
  const length = bytes.readUIntBE(2, size);
  if (length < 0x80 || (size === 2 && length < 0x100)) throw new DerError('a length is not as DER writes it');
  return { header: 2 + size, length };
}

function isWellFormed({ tag, content, children }: Element): boolean {
  const [first = 0, second = 0] = content.subarray(0, 2);
  const last = content.at(-1) ?? 0;
  switch (tag) {
    case TAG.boolean:
      return content.length === 1 && (first === 0x00 || first === 0xff);
    case TAG.integer:
      // The first nine bits are not all the same (X.690 §8.3.2).
      return content.length === 1 || (content.length > 1 && first !== (second < 0x80 ? 0x00 : 0xff));
    case TAG.bitString:
      // The first byte counts the unused bits of the last, which are zero (X.690 §11.2).
      if (content.length < 2) return content.length === 1 && first === 0;
      return first <= 7 && (last & ((1 << first) - 1)) === 0;
    case TAG.null:
      return content.length === 0;
    case TAG.objectIdentifier:
      // No part begins with an empty digit, and the last one ends (X.690 §8.19.2).
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

/** The elements of a SET OF are in order (X.690 §11.6). Certificates have no empty one. */
function isSorted(children: readonly Element[]): boolean {
  const inOrder = ({ bytes }: Element, at: number): boolean =>
    at === 0 || Buffer.compare(children[at - 1]?.bytes ?? bytes, bytes) <= 0;
  return children.length > 0 && children.every(inOrder);
}

/** Numbers above 30, which take more than one byte, are in no certificate. */
function isContextSpecific(tag: number): boolean {
  return (tag & 0xc0) === 0x80 && (tag & 0x1f) !== 0x1f;
}
