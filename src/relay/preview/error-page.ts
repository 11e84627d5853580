import { urlLinkFor } from '../../protocol/share-url.js';
import type { RelayRequest } from '../request.js';
import { prefersPage } from './accept.js';
import { REFUSAL_TEXTS, type RefusalKind } from './error-page-texts.js';
import { escapeToAscii } from './escape.js';
import { createNegotiator, PREVIEW_LANGUAGES, type PreviewLanguage } from './language.js';
import { createPageFrame, type Page, type PageFrame } from './layout.js';
import type { PreviewSettings } from './options.js';

/** How a refusal is to be answered: with these headers, and with this page, or as a problem where there is none. */
export interface RefusalForm {
  readonly headers: readonly string[];
  readonly html?: string;
}

/** The form of a refusal with this status, to a request. */
export type RefusalForms = (request: Pick<RelayRequest, 'method' | 'path' | 'header'>, status: number) => RefusalForm;

/** The refusals that a person who opens a link can make something of; every other one is for whoever builds clients. */
const KINDS: Readonly<Record<number, RefusalKind>> = { 404: 'over', 429: 'busy', 503: 'busy' };

const MAILBOXES = urlLinkFor('', '');

const PLAIN: RefusalForm = { headers: [] };
const NEGOTIATED: RefusalForm = { headers: ['Vary', 'Accept'] };

/**
 * The pages for a person who opens a link that is over, or opens one at the wrong moment. Every page is made once, so
 * those of a mailbox that was deleted, has expired and never was are the same to the byte.
 */
export function createRefusalForms(settings: PreviewSettings): RefusalForms {
  const frame = createPageFrame(settings);
  const pages = Object.fromEntries(
    PREVIEW_LANGUAGES.map((language) => [
      language,
      { over: pageOf(frame, language, 'over'), busy: pageOf(frame, language, 'busy') },
    ]),
  ) as Record<PreviewLanguage, Record<RefusalKind, Page>>;
  const negotiate = createNegotiator(settings.language);
  return (request, status) => {
    const kind = KINDS[status];
    if (kind === undefined || !looksAtMailbox(request)) return PLAIN;
    if (!prefersPage(request.header('Accept'))) return NEGOTIATED;
    return pages[negotiate(request.header('Accept-Language'))][kind];
  };
}

/** What a browser does with a link, a mangled one as well. */
function looksAtMailbox({ method, path }: Pick<RelayRequest, 'method' | 'path'>): boolean {
  return (method === 'GET' || method === 'HEAD') && path.startsWith(MAILBOXES);
}

/** It names no mailbox: `og:title` is for messengers that ask late. */
function pageOf(frame: PageFrame, language: PreviewLanguage, kind: RefusalKind): Page {
  const heading = escapeToAscii(REFUSAL_TEXTS[language][kind].heading);
  const advice = escapeToAscii(REFUSAL_TEXTS[language][kind].advice);
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
