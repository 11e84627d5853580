import { hash } from 'node:crypto';
import type { DisplayInformation } from '../protocol/bodies.js';
import { paletteOf } from './preview-color.js';
import { escapeHtml, escapeToAscii, escapeUrl } from './preview-escape.js';
import { createNegotiator, PREVIEW_LANGUAGES, type PreviewLanguage } from './preview-language.js';
import type { PreviewSettings } from './preview-options.js';
import { previewStyle } from './preview-style.js';
import { PREVIEW_TEXTS, type PreviewTexts } from './preview-texts.js';

/** A preview page and the headers that are its own, flat. */
export interface PreviewPage {
  readonly headers: readonly string[];
  readonly html: string;
}

/**
 * Makes the page of a mailbox for a reader with this Accept-Language. `url` is the canonical one, without query and
 * fragment.
 */
export type PreviewRenderer = (
  display: DisplayInformation,
  url: string,
  acceptLanguage: string | undefined,
) => PreviewPage;

/** The page in one language: what stands between the words of the sender, written once. */
interface Template {
  readonly headers: readonly string[];
  readonly render: (display: DisplayInformation, url: string) => string;
}

/**
 * The page behind a share URL: OpenGraph for messengers, and for a person who opens the link on the wrong device what
 * to do. The sender's image is named, never loaded: its host would see who looks.
 */
export function createPreviewRenderer(settings: PreviewSettings): PreviewRenderer {
  const style = previewStyle(paletteOf(settings.color));
  const policy = contentSecurityPolicy(style, settings.logoUrl);
  const templates = Object.fromEntries(
    PREVIEW_LANGUAGES.map((language) => [
      language,
      { headers: headersOf(policy, language), render: templateOf(settings, language, style) },
    ]),
  ) as Record<PreviewLanguage, Template>;
  const negotiate = createNegotiator(settings.language);
  return (display, url, acceptLanguage) => {
    const { headers, render } = templates[negotiate(acceptLanguage)];
    return { headers, html: render(display, url) };
  };
}

/**
 * A script on this page could read the Secret in the fragment, so none may run. The sandbox needs no exceptions: a link
 * leads the page itself elsewhere, which a page at the top may always do.
 */
function contentSecurityPolicy(style: string, logoUrl: string | undefined): string {
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

/** The path is a capability, so no referrer may carry it (PROTOCOL: the preview page). */
const headersOf = (policy: string, language: PreviewLanguage): readonly string[] => [
  'Content-Security-Policy',
  policy,
  'Referrer-Policy',
  'no-referrer',
  'X-Robots-Tag',
  'noindex, nofollow, noarchive',
  'Cross-Origin-Resource-Policy',
  'same-origin',
  'Content-Language',
  language,
  'Vary',
  'Accept-Language',
];

/** The sender's language is not known, nor the direction it is written in. */
const SENDERS = 'lang="" dir="auto"';

function templateOf(settings: PreviewSettings, language: PreviewLanguage, style: string): Template['render'] {
  const { shared, heading, lead, steps, note, apps } = escaped(PREVIEW_TEXTS[language]);
  const { name, color } = settings;
  const siteName = name === undefined ? '' : `<meta property="og:site_name" content="${escapeToAscii(name)}">\n`;
  const head = `<!DOCTYPE html>
<html lang="${language}" prefix="og: https://ogp.me/ns#">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex, nofollow, noarchive">
<meta name="format-detection" content="telephone=no, date=no, address=no, email=no">
<meta name="theme-color" content="${color}">
${siteName}<meta property="og:type" content="website">
<meta property="og:url" content="`;
  const card = `">
<style>${style}</style>
</head>
<body>
<main>
<div class="card">
<p class="brand">${brandOf(settings)}${WAVES}</p>
<p class="shared">${shared}</p>
<h1 ${SENDERS}>`;
  const rest = `</p>
</div>
<section>
<h2>${heading}</h2>
<p>${lead}</p>
<ol>
<li>${steps[0]}</li>
<li>${steps[1]}</li>
</ol>
<p class="note">${note}</p>
${linksOf(settings, apps)}</section>
</main>
</body>
</html>
`;
  return (display, url) => {
    const title = escapeHtml(display.title);
    const description = escapeHtml(display.description);
    return `${head}${escapeHtml(url)}">
<meta property="og:title" content="${title}">
<meta property="og:description" content="${description}">
<meta property="og:image" content="${escapeUrl(display.imageURL)}">
<title>${title}</title>
<meta name="description" content="${description}${card}${title}</h1>
<p ${SENDERS}>${description}${rest}`;
  };
}

function escaped(texts: PreviewTexts): PreviewTexts {
  const { steps, ...others } = texts;
  const [first, second] = steps;
  const entries = Object.entries(others).map(([name, text]) => [name, escapeToAscii(text)]);
  return { ...Object.fromEntries(entries), steps: [escapeToAscii(first), escapeToAscii(second)] };
}

/** Decoration: the mark of contactless cards. */
const WAVES =
  '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M6 9a6 6 0 0 1 0 6M10 6.500a11 11 0 0 1 0 11M14 4a16 16 0 0 1 0 16"/></svg>';
const KEY =
  '<svg viewBox="0 0 24 24" aria-hidden="true"><circle cx="7.500" cy="15.500" r="4.500"/><path d="m10.700 12.300 9.300-9.300M16 7l3 3"/></svg>';

function brandOf({ name, logoUrl }: PreviewSettings): string {
  const mark = logoUrl === undefined ? KEY : `<img src="${escapeUrl(logoUrl)}" alt="">`;
  return name === undefined ? mark : `${mark}<span>${escapeToAscii(name)}</span>`;
}

function linksOf({ appLinks }: PreviewSettings, heading: string): string {
  if (appLinks.length === 0) return '';
  const links = appLinks.map(
    ({ label, url }) => `<li><a href="${escapeUrl(url)}" rel="noreferrer noopener">${escapeToAscii(label)}</a></li>\n`,
  );
  return `<h2>${heading}</h2>\n<ul>\n${links.join('')}</ul>\n`;
}
