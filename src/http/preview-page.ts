import { hash } from 'node:crypto';
import type { DisplayInformation } from '../protocol/bodies.js';

/** The page's one style sheet; it carries no user's words, and the policy admits it by its hash alone. */
const STYLE = `
:root { color-scheme: light dark; font-family: system-ui, sans-serif; line-height: 1.5; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: Canvas; color: CanvasText; }
main { max-width: 26rem; margin: 1rem; padding: 2rem; border: 1px solid color-mix(in srgb, CanvasText 20%, Canvas);
  border-radius: 1.25rem; }
h1 { margin: 0 0 .5rem; font-size: 1.5rem; overflow-wrap: anywhere; }
p { margin: 0 0 1rem; overflow-wrap: anywhere; }
.hint { margin: 1.5rem 0 0; padding-top: 1.5rem; border-top: 1px solid color-mix(in srgb, CanvasText 20%, Canvas);
  font-size: .9rem; }
`;

const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${hash('sha256', STYLE, 'base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  'sandbox',
].join('; ');

/**
 * Headers of the preview page, flat. A script on this page could read the Secret in the fragment, so none may run; the
 * path is a capability, so no referrer may carry it (PROTOCOL: the preview page).
 */
export const PREVIEW_HEADERS: readonly string[] = [
  'Content-Security-Policy',
  CONTENT_SECURITY_POLICY,
  'Referrer-Policy',
  'no-referrer',
  'X-Robots-Tag',
  'noindex, nofollow, noarchive',
  'Cross-Origin-Resource-Policy',
  'same-origin',
];

/**
 * The page behind a share URL: OpenGraph for messengers, and for a person who opens the link on the wrong device what
 * to do. `url` is the canonical one, without query and fragment. The image is named, never loaded: its host would see
 * who looks.
 */
export function previewPage(display: DisplayInformation, url: string): string {
  const title = escapeHtml(display.title);
  const description = escapeHtml(display.description);
  return `<!DOCTYPE html>
<html lang="en" prefix="og: https://ogp.me/ns#">
<head>
<meta charset="utf-8">
<title>${title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex, nofollow, noarchive">
<meta name="description" content="${description}">
<meta property="og:type" content="website">
<meta property="og:title" content="${title}">
<meta property="og:description" content="${description}">
<meta property="og:image" content="${escapeUrl(display.imageURL)}">
<meta property="og:url" content="${escapeHtml(url)}">
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${title}</h1>
<p>${description}</p>
<p class="hint">This link hands over a digital key to one phone. Open it on the phone that shall hold the key: tap the
link in the message it came in. Nothing is taken by looking at this page.</p>
</main>
</body>
</html>
`;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
};

/** Control characters, and those that reorder or break lines, which could make a text look like another. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is taken out here.
const INVISIBLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]/g;

/** Nearly every text: printable ASCII of which nothing needs to be replaced. */
const PLAIN = /^[ !#-%(-;=?-_a-~]*$/;

/** Text for an HTML page, in an element or a quoted attribute. */
function escapeHtml(text: string): string {
  if (PLAIN.test(text)) return text;
  return text
    .toWellFormed()
    .replace(INVISIBLE, ' ')
    .replace(/[&<>"'`]/g, (character) => ESCAPES[character] ?? '');
}

/** A URL for a quoted attribute; what it may not hold as it is gets percent-encoded, not replaced. */
function escapeUrl(url: string): string {
  return PLAIN.test(url) ? url : escapeHtml(new URL(url).href);
}
