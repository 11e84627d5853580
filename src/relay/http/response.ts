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

/** `Retry-After` of an error without one of its own. */
const RETRY_AFTER_SECONDS = '1';

/** 200, or 201 for a duplicate, or 204 for a wait without a change. */
export function createSuccessResponse(outcome: Outcome, headers: readonly HeaderField[]): RelayResponse {
  const hasBody = outcome.body !== undefined;
  const fields = [...(hasBody ? JSON_HEADERS : COMMON_HEADERS), ...headers];
  if (outcome.version !== undefined) fields.push([VERSION, outcome.version]);
  if (outcome.receiver !== undefined) fields.push([RECEIVER, outcome.receiver]);
  if (outcome.waited !== undefined) {
    const { seconds, result } = outcome.waited;
    fields.push(['Preference-Applied', `wait=${result === 'declined' ? 0 : seconds}`]);
    if (result === 'declined') fields.push(['Retry-After', RETRY_AFTER_SECONDS]);
    if (result !== 'changed') return { status: 204, headers: fields, body: '' };
  }
  const body = hasBody ? JSON.stringify(outcome.body) : '';
  fields.push(['Content-Length', String(Buffer.byteLength(body))]);
  return { status: outcome.duplicate === true ? 201 : 200, headers: fields, body };
}

export function createPreviewResponse(page: Page, headers: readonly HeaderField[]): RelayResponse {
  return createResponse(200, HTML_HEADERS, [...page.headers, ...headers], page.html);
}

/** A page for a person, or a problem. Neither contains anything of the request. */
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

/** An RFC 9457 problem with a stable `code`. */
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

/** The headers of the error, and the required headers of its status that the error does not have. */
function buildErrorHeaders(error: RelayError): readonly HeaderField[] {
  const given = error.details.headers ?? [];
  const missing = getRequiredHeaders(error).filter(
    ([name]) => !given.some(([other]) => other.toLowerCase() === name.toLowerCase()),
  );
  return [...given, ...missing];
}

/** RFC 9110 §15.5.2 requires a challenge with 401. docs/protocol.md §6 adds `Retry-After` to 429 and 503. */
function getRequiredHeaders({ status, code }: RelayError): readonly HeaderField[] {
  if (status === 401) return [getDefaultChallenge(code)];
  return status === 503 || status === 429 ? [['Retry-After', RETRY_AFTER_SECONDS]] : [];
}

/** A public document. */
export function createDocumentResponse(text: string, headers: readonly HeaderField[]): RelayResponse {
  return createResponse(200, DOCUMENT_HEADERS, headers, text);
}

/** 204 with the methods of the path. */
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

/** The answer for a path outside of the relay, if there is no host that could answer it. */
export const NOT_FOUND: RelayResponse = createProblemResponse(new RelayError('not_found'), []);
