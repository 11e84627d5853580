import { hash } from '../hash.js';
import type { HeaderField } from '../request.js';
import { escapeToAscii, escapeUrl } from './escape.js';
import { LANGUAGE_TAGS, type PreviewLanguage } from './language.js';
import type { PreviewSettings } from './options.js';
import { createPalette } from './palette.js';
import { createStyleSheet } from './style.js';

/** A page and its headers. */
export interface Page {
  readonly headers: readonly HeaderField[];
  readonly html: string;
}

/** The common parts of all pages of a relay. */
export interface PageLayout {
  /** The headers of a page in this language. `vary` names the request headers that select the page. */
  headers(language: PreviewLanguage, vary: string): readonly HeaderField[];
  /** From the doctype to the page's own part of the head. */
  opening(language: PreviewLanguage): string;
  /** From the end of the head to the name of the service, in the open first paragraph of the card. */
  readonly card: string;
  /** From the end of the content of `main`. */
  readonly closing: string;
}

/** The brand, the style sheet, and the policy that allows it. */
export function createPageLayout(settings: PreviewSettings): PageLayout {
  const { name, color, logoUrl } = settings;
  const style = createStyleSheet(createPalette(color));
  const policy = buildContentSecurityPolicy(style, logoUrl);
  const siteName = name === undefined ? '' : `<meta property="og:site_name" content="${escapeToAscii(name)}">\n`;
  return {
    headers: (language, vary) => buildPageHeaders(policy, LANGUAGE_TAGS[language], vary),
    opening: (language) => `<!DOCTYPE html>
<html lang="${LANGUAGE_TAGS[language]}" prefix="og: https://ogp.me/ns#">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex, nofollow, noarchive">
<meta name="format-detection" content="telephone=no, date=no, address=no, email=no">
<meta name="theme-color" content="${color}">
${siteName}<meta property="og:type" content="website">
`,
    card: `<style>${style}</style>
</head>
<body>
<main>
<div class="card">
<p class="brand">${renderBrand(settings)}`,
    closing: `</main>
</body>
</html>
`,
  };
}

/**
 * A script on the page could read the Secret in the fragment, so the policy forbids all scripts. The sandbox needs no
 * exceptions: a top-level page may always navigate itself through a link.
 */
function buildContentSecurityPolicy(style: string, logoUrl: string | undefined): string {
  return [
    "default-src 'none'",
    `style-src 'sha256-${hash('sha256', style, 'base64')}'`,
    ...(logoUrl === undefined ? [] : [`img-src ${new URL(logoUrl).origin}`]),
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    'sandbox',
  ].join('; ');
}

/** The path is a capability, so the page must not send a referrer (docs/protocol.md §9). */
const buildPageHeaders = (policy: string, languageTag: string, vary: string): readonly HeaderField[] => [
  ['Content-Security-Policy', policy],
  ['Referrer-Policy', 'no-referrer'],
  ['X-Robots-Tag', 'noindex, nofollow, noarchive'],
  ['Cross-Origin-Resource-Policy', 'same-origin'],
  ['Content-Language', languageTag],
  ['Vary', vary],
];

/** Decoration of a page without a logo. */
const KEY =
  '<svg viewBox="0 0 24 24" aria-hidden="true"><circle cx="7.500" cy="15.500" r="4.500"/><path d="m10.700 12.300 9.300-9.300M16 7l3 3"/></svg>';

function renderBrand({ name, logoUrl }: PreviewSettings): string {
  const mark = logoUrl === undefined ? KEY : `<img src="${escapeUrl(logoUrl)}" alt="">`;
  return name === undefined ? mark : `${mark}<span>${escapeToAscii(name)}</span>`;
}
