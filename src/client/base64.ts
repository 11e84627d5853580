/** Base64 with the standard alphabet and padding, in any JavaScript runtime. */
export function toBase64(bytes: Uint8Array): string {
  let binary = '';
  // In slices: a spread of a large array overflows the stack.
  for (let at = 0; at < bytes.length; at += 0x8000) binary += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(binary);
}

/** The bytes of base64 in either alphabet, padding optional. Throws a TypeError for anything else. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const standard = text
    .replace(/-/g, '+')
    .replace(/_/g, '/')
    .replace(/={1,2}$/, '');
  if (!/^[A-Za-z0-9+/]*$/.test(standard) || standard.length % 4 === 1) throw new TypeError('This is not base64.');
  return Uint8Array.from(atob(standard), (character) => character.charCodeAt(0));
}
