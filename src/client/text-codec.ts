/** UTF-8 of a text. Hermes before React Native 0.74 has no `TextEncoder`. */
export function encodeText(text: string): Uint8Array<ArrayBuffer> {
  if (typeof TextEncoder === 'function') return new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>;
  const escaped = encodeURIComponent(text).match(/%..|[^%]/g) ?? [];
  return Uint8Array.from(escaped, (part) =>
    part.length === 1 ? part.charCodeAt(0) : Number.parseInt(part.slice(1), 16),
  );
}

/** The text of UTF-8. Hermes has no `TextDecoder`. Throws for invalid UTF-8 if the runtime has none. */
export function decodeText(bytes: Uint8Array): string {
  if (typeof TextDecoder === 'function') return new TextDecoder().decode(bytes);
  const escaped = Array.from(bytes, (byte) => `%${(byte + 256).toString(16).slice(1)}`);
  return decodeURIComponent(escaped.join('')).replace(/^\ufeff/, '');
}
