/**
 * True if the `htu` of a proof means the URL of a request: without query and fragment, and after the normalisation of
 * RFC 3986 §6.2.2 and §6.2.3 that RFC 9449 §4.3 asks for (case of scheme, host and escapes, default port, dot
 * segments, needless escapes).
 */
export function isSameTarget(htu: string, url: string): boolean {
  return htu === url || (URL.canParse(htu) && normalizeUrl(htu) === normalizeUrl(url));
}

function normalizeUrl(text: string): string {
  const url = new URL(text);
  url.search = '';
  url.hash = '';
  return url.href.replace(/%[0-9A-Fa-f]{2}/g, (octet) => {
    const character = String.fromCharCode(Number.parseInt(octet.slice(1), 16));
    return /[A-Za-z0-9._~-]/.test(character) ? character : octet.toUpperCase();
  });
}
