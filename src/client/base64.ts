/** Base64 with the standard alphabet and padding. Every JavaScript runtime has `btoa`. */
export function toBase64(bytes: Uint8Array): string {
  let binary = '';
  // In slices: a spread of a large array overflows the stack.
  for (let at = 0; at < bytes.length; at += 0x8000) binary += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(binary);
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
  return Uint8Array.from(atob(standard), (character) => character.charCodeAt(0));
}
