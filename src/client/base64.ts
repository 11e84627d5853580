const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Base64 with the standard alphabet and padding. Hermes before React Native 0.74 has no `btoa`. */
export function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 3) {
    const word = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    for (let shift = 18; shift >= 0; shift -= 6) text += ALPHABET.charAt((word >> shift) & 63);
  }
  const padding = (3 - (bytes.length % 3)) % 3;
  return text.slice(0, text.length - padding) + '=='.slice(0, padding);
}

/** The URL-safe alphabet without padding, for base64 of either alphabet (RFC 4648 §5). */
export function toBase64Url(base64: string): string {
  return base64.replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
}

/** Decodes base64 of either alphabet, with or without padding. Throws a TypeError for any other text. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const standard = text
    .replace(/-/g, '+')
    .replace(/_/g, '/')
    .replace(/={1,2}$/, '');
  if (!/^[A-Za-z0-9+/]*$/.test(standard) || standard.length % 4 === 1) throw new TypeError('The text is not base64.');
  const bytes = new Uint8Array(Math.floor((standard.length * 3) / 4));
  let word = 0;
  for (let at = 0; at < standard.length; at += 1) {
    word = (word << 6) | ALPHABET.indexOf(standard.charAt(at));
    const bits = (at % 4) * 2;
    if (bits > 0) bytes[Math.floor((at * 3) / 4)] = word >> (6 - bits);
  }
  return bytes;
}
