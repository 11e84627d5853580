import type { DisplayInformation } from '../../protocol/bodies.js';
import type { HeaderField } from '../request.js';
import { escapeHtml, escapeToAscii, escapeUrl } from './escape.js';
import { createLanguageNegotiator, PREVIEW_LANGUAGES, type PreviewLanguage } from './language.js';
import { createPageLayout, type Page, type PageLayout } from './layout.js';
import type { PreviewSettings } from './options.js';
import { PREVIEW_TEXTS, type PreviewTexts } from './preview-page-texts.js';

/**
 * Makes the page of a mailbox for a reader with this Accept-Language. `url` is the canonical one, without query and
 * fragment.
 */
export type PreviewRenderer = (display: DisplayInformation, url: string, acceptLanguage: string | undefined) => Page;

/** The page in one language: what stands between the words of the sender, written once. */
interface Template {
  readonly headers: readonly HeaderField[];
  readonly render: (display: DisplayInformation, url: string) => string;
}

/**
 * The page behind a share URL: OpenGraph for messengers, and for a person who opens the link on the wrong device what
 * to do. The sender's image is named, never loaded: its host would see who looks.
 */
export function createPreviewRenderer(settings: PreviewSettings): PreviewRenderer {
  const frame = createPageLayout(settings);
  const templates = Object.fromEntries(
    PREVIEW_LANGUAGES.map((language) => [
      language,
      { headers: frame.headers(language, 'Accept-Language'), render: createTemplate(settings, language, frame) },
    ]),
  ) as Record<PreviewLanguage, Template>;
  const negotiate = createLanguageNegotiator(settings.language);
  return (display, url, acceptLanguage) => {
    const { headers, render } = templates[negotiate(acceptLanguage)];
    return { headers, html: render(display, url) };
  };
}

/** The sender's language is not known, nor the direction it is written in. */
const SENDERS = 'lang="" dir="auto"';

/** To VoiceOver a list without marks is none, unless it is said to be one. */
const LIST = 'role="list"';

/** Decoration: the mark of contactless cards. */
const WAVES =
  '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M6 9a6 6 0 0 1 0 6M10 6.500a11 11 0 0 1 0 11M14 4a16 16 0 0 1 0 16"/></svg>';

function createTemplate(settings: PreviewSettings, language: PreviewLanguage, frame: PageLayout): Template['render'] {
  const { shared, heading, lead, steps, note, stores } = escapeTexts(PREVIEW_TEXTS[language]);
  const head = `${frame.opening(language)}<meta property="og:url" content="`;
  const card = `">
${frame.card}${WAVES}</p>
<p class="shared">${shared}</p>
<h1 ${SENDERS}>`;
  const rest = `</p>
</div>
<section>
<h2>${heading}</h2>
<p>${lead}</p>
<ol ${LIST}>
<li>${steps[0]}</li>
<li>${steps[1]}</li>
</ol>
<p class="note">${note}</p>
${renderAppStores(settings, stores)}</section>
${frame.closing}`;
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

function escapeTexts(texts: PreviewTexts): PreviewTexts {
  const { steps, ...others } = texts;
  const [first, second] = steps;
  const entries = Object.entries(others).map(([name, text]) => [name, escapeToAscii(text)]);
  return { ...Object.fromEntries(entries), steps: [escapeToAscii(first), escapeToAscii(second)] };
}

function renderAppStores({ appStores: stores }: PreviewSettings, heading: string): string {
  if (stores.length === 0) return '';
  const links = stores.map(
    ({ label, url }) => `<li><a href="${escapeUrl(url)}" rel="noreferrer noopener">${escapeToAscii(label)}</a></li>\n`,
  );
  return `<h2>${heading}</h2>\n<ul ${LIST}>\n${links.join('')}</ul>\n`;
}
