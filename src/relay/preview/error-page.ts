import type { HeaderField, RelayRequest } from '../request.js';
import { prefersHtml } from './accept.js';
import { isAlteredPath, isAlteredQuery, isBelowMailboxes } from './altered-link.js';
import { ERROR_PAGE_TEXTS, type ErrorPageKind } from './error-page-texts.js';
import { escapeToAscii } from './escape.js';
import { createLanguageNegotiator, PREVIEW_LANGUAGES, type PreviewLanguage } from './language.js';
import { createPageLayout, type Page, type PageLayout } from './layout.js';
import type { PreviewSettings } from './options.js';

/** The form of an error: additional headers, and a page. Without a page the relay answers with a problem. */
export interface ErrorPage {
  readonly headers: readonly HeaderField[];
  readonly html?: string;
}

/** Selects the form of an error with this status. */
export type ErrorPages = (
  request: Pick<RelayRequest, 'method' | 'path' | 'query' | 'header'>,
  status: number,
) => ErrorPage;

/** The errors with a page for a person who opens a link. All other errors are for developers of clients. */
const KINDS: Readonly<Record<number, ErrorPageKind>> = { 404: 'gone', 429: 'unavailable', 503: 'unavailable' };

const PAGES: readonly ErrorPageKind[] = ['gone', 'altered', 'unavailable'];

const PLAIN: ErrorPage = { headers: [] };
const NEGOTIATED: ErrorPage = { headers: [['Vary', 'Accept']] };

/**
 * Pages for a person who opens an invalid link, or opens a link during an outage (docs/protocol.md §9). Every page is
 * rendered once, so the pages of a deleted, an expired and an unknown mailbox have the same bytes. An altered link has a
 * page of its own, which says nothing about a mailbox, and which the relay selects without the store.
 */
export function createErrorPages(settings: PreviewSettings): ErrorPages {
  const layout = createPageLayout(settings);
  const pages = Object.fromEntries(
    PREVIEW_LANGUAGES.map((language) => [
      language,
      Object.fromEntries(PAGES.map((kind) => [kind, renderPage(layout, language, kind)])),
    ]),
  ) as Record<PreviewLanguage, Record<ErrorPageKind, Page>>;
  const negotiate = createLanguageNegotiator(settings.language);
  return (request, status) => {
    const kind = KINDS[status];
    if (kind === undefined || !isMailboxRequest(request)) return PLAIN;
    if (!prefersHtml(request.header('Accept'))) return NEGOTIATED;
    const isAltered = kind === 'gone' && (isAlteredPath(request.path) || isAlteredQuery(request.query()));
    return pages[negotiate(request.header('Accept-Language'))][isAltered ? 'altered' : kind];
  };
}

/** True for the request of a browser that opens a link, or a damaged link. */
function isMailboxRequest({ method, path }: Pick<RelayRequest, 'method' | 'path'>): boolean {
  return (method === 'GET' || method === 'HEAD') && isBelowMailboxes(path);
}

/** Messengers that read the link late show `og:title`. The page does not name a mailbox. */
function renderPage(layout: PageLayout, language: PreviewLanguage, kind: ErrorPageKind): Page {
  const heading = escapeToAscii(ERROR_PAGE_TEXTS[language][kind].heading);
  const advice = escapeToAscii(ERROR_PAGE_TEXTS[language][kind].advice);
  const html = `${layout.opening(language)}<meta property="og:title" content="${heading}">
<meta property="og:description" content="${advice}">
<title>${heading}</title>
${layout.card}</p>
<h1>${heading}</h1>
<p>${advice}</p>
</div>
${layout.closing}`;
  return { headers: layout.headers(language, 'Accept, Accept-Language'), html };
}
