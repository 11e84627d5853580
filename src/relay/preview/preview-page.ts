import type { DisplayInformation } from '../../protocol/bodies.js';
import type { HeaderField } from '../request.js';
import { escapeHtml, escapeToAscii, escapeUrl } from './escape.js';
import { createLanguageNegotiator, PREVIEW_LANGUAGES, type PreviewLanguage } from './language.js';
import { createPageLayout, type Page, type PageLayout } from './layout.js';
import type { PreviewSettings } from './options.js';
import { PREVIEW_TEXTS, type PreviewTexts } from './preview-page-texts.js';

/** Renders the page of a mailbox. `url` is the canonical URL without query and fragment. */
export type PreviewRenderer = (display: DisplayInformation, url: string, acceptLanguage: string | undefined) => Page;

/** The page in one language, with its constant parts rendered. */
interface Template {
  readonly headers: readonly HeaderField[];
  readonly render: (display: DisplayInformation, url: string) => string;
}

/**
 * The page behind a share URL: OpenGraph metadata for messengers, and instructions for a person who opens the link on
 * the wrong device (docs/protocol.md §9). The page names the sender's image but does not load it, since the host of the
 * image would see the reader.
 */
export function createPreviewRenderer(settings: PreviewSettings): PreviewRenderer {
  const layout = createPageLayout(settings);
  const templates = Object.fromEntries(
    PREVIEW_LANGUAGES.map((language) => [
      language,
      { headers: layout.headers(language, 'Accept-Language'), render: createTemplate(settings, language, layout) },
    ]),
  ) as Record<PreviewLanguage, Template>;
  const negotiate = createLanguageNegotiator(settings.language);
  return (display, url, acceptLanguage) => {
    const { headers, render } = templates[negotiate(acceptLanguage)];
    return { headers, html: render(display, url) };
  };
}

/** The language and the direction of the sender's text are unknown. */
const SENDERS = 'lang="" dir="auto"';

/** VoiceOver does not announce a list without markers unless it has this role. */
const LIST = 'role="list"';

/** Decoration: the symbol of contactless cards. */
const WAVES =
  '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M6 9a6 6 0 0 1 0 6M10 6.500a11 11 0 0 1 0 11M14 4a16 16 0 0 1 0 16"/></svg>';

function createTemplate(settings: PreviewSettings, language: PreviewLanguage, layout: PageLayout): Template['render'] {
  const { shared, heading, lead, steps, note, stores } = escapeTexts(PREVIEW_TEXTS[language]);
  const head = `${layout.opening(language)}<meta property="og:url" content="`;
  const card = `">
${layout.card}${WAVES}</p>
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
${layout.closing}`;
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
