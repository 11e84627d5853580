import { RECEIVER, VERSION } from '../../protocol/header-names.js';
import { getDefaultChallenge } from '../auth/challenge.js';
import { RelayError } from '../errors.js';
import type { Outcome } from '../operations/context.js';
import type { ErrorPage } from '../preview/error-page.js';
import type { Page } from '../preview/layout.js';
import type { HeaderField } from '../request.js';
import type { RelayResponse } from './types.js';

/*
 * All answers of the relay are built here. The parameter `headers` has the headers of the exchange as a whole: the
 * echoed request id, and CORS.
 */

/** On every answer: it may contain a secret, and a browser must not guess its type. */
const COMMON_HEADERS: readonly HeaderField[] = [
  ['Cache-Control', 'no-store, no-transform'],
  ['X-Content-Type-Options', 'nosniff'],
];
const JSON_HEADERS: readonly HeaderField[] = [...COMMON_HEADERS, ['Content-Type', 'application/json']];
const PROBLEM_HEADERS: readonly HeaderField[] = [...COMMON_HEADERS, ['Content-Type', 'application/problem+json']];
const HTML_HEADERS: readonly HeaderField[] = [...COMMON_HEADERS, ['Content-Type', 'text/html; charset=utf-8']];
const DOCUMENT_HEADERS: readonly HeaderField[] = [
  ['Cache-Control', 'public, max-age=300'],
  ['X-Content-Type-Options', 'nosniff'],
  ['Content-Type', 'application/json'],
];

/** The seconds sent as `Retry-After` where a refusal names none. */
const RETRY_AFTER_SECONDS = '1';

/** The answer to an operation that was carried out (200), or had been before (201). */
export function createSuccessResponse(outcome: Outcome, headers: readonly HeaderField[]): RelayResponse {
  const status = outcome.duplicate === true ? 201 : 200;
  const fields = [...headers];
  if (outcome.version !== undefined) fields.push([VERSION, outcome.version]);
  if (outcome.receiver !== undefined) fields.push([RECEIVER, outcome.receiver]);
  if (outcome.waited !== undefined) {
    const { seconds, result } = outcome.waited;
    fields.push(['Preference-Applied', `wait=${result === 'declined' ? 0 : seconds}`]);
    if (result === 'declined') fields.push(['Retry-After', RETRY_AFTER_SECONDS]);
    if (result !== 'changed') return { status: 204, headers: [...COMMON_HEADERS, ...fields], body: '' };
  }
  if (outcome.body === undefined) return createResponse(status, COMMON_HEADERS, fields, '');
  return createResponse(status, JSON_HEADERS, fields, JSON.stringify(outcome.body));
}

/** The answer to a preview. */
export function createPreviewResponse(page: Page, headers: readonly HeaderField[]): RelayResponse {
  return createResponse(200, HTML_HEADERS, [...page.headers, ...headers], page.html);
}

/** The answer to a refusal in its form: a page, or else a problem. It echoes nothing of the request. */
export function createErrorResponse(
  error: RelayError,
  page: ErrorPage,
  headers: readonly HeaderField[],
): RelayResponse {
  if (page.html === undefined) return createProblemResponse(error, [...page.headers, ...headers]);
  return createResponse(
    error.status,
    HTML_HEADERS,
    [...page.headers, ...headers, ...buildErrorHeaders(error)],
    page.html,
  );
}

/** The answer to a refusal: an RFC 9457 problem with a stable `code`. */
export function createProblemResponse(error: RelayError, headers: readonly HeaderField[]): RelayResponse {
  const { code, status, message, details } = error;
  const problem = {
    ...details.members,
    type: 'about:blank',
    title: message,
    status,
    code,
    ...(details.detail === undefined ? {} : { detail: details.detail }),
  };
  return createResponse(status, PROBLEM_HEADERS, [...headers, ...buildErrorHeaders(error)], JSON.stringify(problem));
}

/** The headers that a refusal brings, and those that its status demands where it brings none. */
function buildErrorHeaders(error: RelayError): readonly HeaderField[] {
  const given = error.details.headers ?? [];
  const missing = getRequiredHeaders(error).filter(
    ([name]) => !given.some(([other]) => other.toLowerCase() === name.toLowerCase()),
  );
  return [...given, ...missing];
}

/** What an answer of this status must have, for a refusal that brings none of its own. */
function getRequiredHeaders({ status, code }: RelayError): readonly HeaderField[] {
  if (status === 401) return [getDefaultChallenge(code)];
  return status === 503 || status === 429 ? [['Retry-After', RETRY_AFTER_SECONDS]] : [];
}

/** A document that is the same for everybody. */
export function createDocumentResponse(text: string, headers: readonly HeaderField[]): RelayResponse {
  return createResponse(200, DOCUMENT_HEADERS, headers, text);
}

/** The answer to OPTIONS: 204 with what the path takes. */
export function createOptionsResponse(allow: string, headers: readonly HeaderField[]): RelayResponse {
  return { status: 204, headers: [...COMMON_HEADERS, ['Allow', allow], ...headers], body: '' };
}

function createResponse(
  status: number,
  constant: readonly HeaderField[],
  headers: readonly HeaderField[],
  body: string,
): RelayResponse {
  const length: HeaderField = ['Content-Length', String(Buffer.byteLength(body))];
  return { status, headers: [...constant, ...headers, length], body };
}

/** The 404 for a path that no host is there to answer. */
export const NOT_FOUND: RelayResponse = createProblemResponse(new RelayError('not_found'), []);
