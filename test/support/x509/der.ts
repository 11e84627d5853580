/* Writes DER (X.690), and some encodings that are almost DER. For tests only. */

export function tlv(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

export function sequence(...parts: readonly Buffer[]): Buffer {
  return tlv(0x30, ...parts);
}

export function oid(hex: string): Buffer {
  return tlv(0x06, Buffer.from(hex, 'hex'));
}

/** An INTEGER, from the bytes of its content. */
export function integer(...bytes: readonly number[]): Buffer {
  return tlv(0x02, Buffer.from(bytes));
}

export function octets(content: Buffer): Buffer {
  return tlv(0x04, content);
}

export const NULL = Buffer.from([0x05, 0x00]);
export const TRUE = Buffer.from([0x01, 0x01, 0xff]);
export const FALSE = Buffer.from([0x01, 0x01, 0x00]);

/** A BIT STRING of whole bytes, or with unused bits in the last byte. */
export function bits(content: Buffer, unused = 0): Buffer {
  return tlv(0x03, Buffer.from([unused]), content);
}

/** An Extension (RFC 5280 §4.1), from the hex of its object identifier and the DER of its value. */
export function extension(id: string, value: Buffer, critical = false): Buffer {
  return sequence(oid(id), ...(critical ? [TRUE] : []), octets(value));
}

/** A Name with one common name. */
export function nameOf(text: string): Buffer {
  return sequence(tlv(0x31, commonName(text)));
}

/** A common name attribute. */
export function commonName(text: string): Buffer {
  return sequence(oid('550403'), tlv(0x0c, Buffer.from(text)));
}

/** A Unix time in ms as UTCTime from 1950 to 2049, and as GeneralizedTime otherwise (RFC 5280 §4.1.2.5). */
export function time(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replace(/\D/g, '').slice(0, 14);
  return digits < '2050' ? utcTime(`${digits.slice(2)}Z`) : generalizedTime(`${digits}Z`);
}

export function utcTime(text: string): Buffer {
  return tlv(0x17, Buffer.from(text));
}

export function generalizedTime(text: string): Buffer {
  return tlv(0x18, Buffer.from(text));
}

export function pemOf(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
