/** What {@link encodeCbor} can write. */
export type Cbor = string | Buffer | readonly Cbor[] | { readonly [name: string]: Cbor };

/** CBOR (RFC 8949 §3) of texts, bytes, arrays and maps: all that an attestation object is made of. */
export function encodeCbor(value: Cbor): Buffer {
  if (typeof value === 'string') return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
  if (Buffer.isBuffer(value)) return Buffer.concat([head(2, value.length), value]);
  if (isList(value)) return Buffer.concat([head(4, value.length), ...value.map(encodeCbor)]);
  const entries = Object.entries(value);
  return Buffer.concat([head(5, entries.length), ...entries.flatMap((pair) => pair.map(encodeCbor))]);
}

function isList(value: Cbor): value is readonly Cbor[] {
  return Array.isArray(value);
}

function head(major: number, length: number): Buffer {
  if (length < 24) return Buffer.from([(major << 5) | length]);
  if (length < 0x100) return Buffer.from([(major << 5) | 24, length]);
  return Buffer.from([(major << 5) | 25, length >> 8, length & 0xff]);
}
