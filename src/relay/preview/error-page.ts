import { buildUrlLink } from '../../protocol/share-url.js';
import type { HeaderField, RelayRequest } from '../request.js';
import { prefersHtml } from './accept.js';
import { ERROR_PAGE_TEXTS, type ErrorPageKind } from './error-page-texts.js';
import { escapeToAscii } from './escape.js';
import { createLanguageNegotiator, PREVIEW_LANGUAGES, type PreviewLanguage } from './language.js';
import { createPageLayout, type Page, type PageLayout } from './layout.js';
import type { PreviewSettings } from './options.js';

/** How a refusal is to be answered: with these headers, and with this page, or as a problem where there is none. */
export interface ErrorPage {
  readonly headers: readonly HeaderField[];
  readonly html?: string;
}

/** The form of a refusal with this status, to a request. */
export type ErrorPages = (request: Pick<RelayRequest, 'method' | 'path' | 'header'>, status: number) => ErrorPage;

/** The refusals that a person who opens a link can make something of; every other one is for whoever builds clients. */
const KINDS: Readonly<Record<number, ErrorPageKind>> = { 404: 'gone', 429: 'unavailable', 503: 'unavailable' };

const MAILBOXES = buildUrlLink('', '');

const PLAIN: ErrorPage = { headers: [] };
const NEGOTIATED: ErrorPage = { headers: [['Vary', 'Accept']] };

/**
 * The pages for a person who opens a link that is over, or opens one at the wrong moment. Every page is made once, so
 * those of a mailbox that was deleted, has expired and never was are the same to the byte.
 */
export function createErrorPages(settings: PreviewSettings): ErrorPages {
  const frame = createPageLayout(settings);
  const pages = Object.fromEntries(
    PREVIEW_LANGUAGES.map((language) => [
      language,
      { gone: renderPage(frame, language, 'gone'), unavailable: renderPage(frame, language, 'unavailable') },
    ]),
  ) as Record<PreviewLanguage, Record<ErrorPageKind, Page>>;
  const negotiate = createLanguageNegotiator(settings.language);
  return (request, status) => {
    const kind = KINDS[status];
    if (kind === undefined || !isMailboxRequest(request)) return PLAIN;
    if (!prefersHtml(request.header('Accept'))) return NEGOTIATED;
    return pages[negotiate(request.header('Accept-Language'))][kind];
  };
}

/** What a browser does with a link, a mangled one as well. */
function isMailboxRequest({ method, path }: Pick<RelayRequest, 'method' | 'path'>): boolean {
  return (method === 'GET' || method === 'HEAD') && path.startsWith(MAILBOXES);
}

/** It names no mailbox: `og:title` is for messengers that ask late. */
function renderPage(frame: PageLayout, language: PreviewLanguage, kind: ErrorPageKind): Page {
  const heading = escapeToAscii(ERROR_PAGE_TEXTS[language][kind].heading);
  const advice = escapeToAscii(ERROR_PAGE_TEXTS[language][kind].advice);
  const html = `${frame.opening(language)}<meta property="og:title" content="${heading}">
<meta property="og:description" content="${advice}">
<title>${heading}</title>
${frame.card}</p>
<h1>${heading}</h1>
<p>${advice}</p>
</div>
${frame.closing}`;
  return { headers: frame.headers(language, 'Accept, Accept-Language'), html };
}
