import { RECEIVER, VERSION } from '../../protocol/header-names.js';
import { defaultChallenge } from '../auth/challenge.js';
import { RelayError } from '../errors.js';
import type { Outcome } from '../operations/context.js';
import type { ErrorPage } from '../preview/error-page.js';
import type { Page } from '../preview/layout.js';
import type { RelayResponse } from './types.js';

/*
 * Every answer of the relay is made here. `extra` are headers of the exchange as a whole: the echoed request id, and
 * CORS where it is on.
 */

/** On every answer: it may hold a secret, and is what it says it is. */
const ALWAYS = ['Cache-Control', 'no-store, no-transform', 'X-Content-Type-Options', 'nosniff'];
const JSON_HEADERS = [...ALWAYS, 'Content-Type', 'application/json'];
const PROBLEM_HEADERS = [...ALWAYS, 'Content-Type', 'application/problem+json'];
const DOCUMENT_HEADERS = [
  'Cache-Control',
  'public, max-age=300',
  'X-Content-Type-Options',
  'nosniff',
  'Content-Type',
  'application/json',
];
const HTML_HEADERS = [...ALWAYS, 'Content-Type', 'text/html; charset=utf-8'];

/** The seconds sent as `Retry-After` where a refusal names none. */
const RETRY_AFTER_SECONDS = '1';

/** The answer to an operation that was carried out (200), or had been before (201). */
export function successResponse(outcome: Outcome, extra: readonly string[]): RelayResponse {
  const status = outcome.duplicate === true ? 201 : 200;
  const headers = [...extra];
  if (outcome.version !== undefined) headers.push(VERSION, outcome.version);
  if (outcome.receiver !== undefined) headers.push(RECEIVER, outcome.receiver);
  if (outcome.waited !== undefined) {
    const { seconds, result } = outcome.waited;
    headers.push('Preference-Applied', `wait=${result === 'declined' ? 0 : seconds}`);
    if (result === 'declined') headers.push('Retry-After', RETRY_AFTER_SECONDS);
    if (result !== 'changed') return { status: 204, headers: [...ALWAYS, ...headers], body: '' };
  }
  if (outcome.body === undefined) return response(status, ALWAYS, headers, '');
  return response(status, JSON_HEADERS, headers, JSON.stringify(outcome.body));
}

/** The answer to a preview. */
export function previewResponse({ headers, html }: Page, extra: readonly string[]): RelayResponse {
  return response(200, HTML_HEADERS, [...headers, ...extra], html);
}

/** The answer to a refusal in its form: a page, or else a problem. It echoes nothing of the request. */
export function errorResponse(error: RelayError, form: ErrorPage, extra: readonly string[]): RelayResponse {
  if (form.html === undefined) return problemResponse(error, [...form.headers, ...extra]);
  return response(error.status, HTML_HEADERS, [...form.headers, ...extra, ...errorHeaders(error)], form.html);
}

/** The answer to a refusal: an RFC 9457 problem with a stable `code`. */
export function problemResponse(error: RelayError, extra: readonly string[]): RelayResponse {
  const { code, status, message, details } = error;
  const problem = {
    ...details.members,
    type: 'about:blank',
    title: message,
    status,
    code,
    ...(details.detail === undefined ? {} : { detail: details.detail }),
  };
  return response(status, PROBLEM_HEADERS, [...extra, ...errorHeaders(error)], JSON.stringify(problem));
}

/** The headers that a refusal brings, and those that its status demands where it brings none. */
function errorHeaders(error: RelayError): string[] {
  const given = error.details.headers ?? [];
  const demanded = requiredHeaders(error).filter(
    ([name]) => !given.some(([other]) => other.toLowerCase() === name.toLowerCase()),
  );
  return [...given, ...demanded].flat();
}

/** What an answer of this status must have, for a refusal that brings none of its own. */
function requiredHeaders({ status, code }: RelayError): Array<[name: string, value: string]> {
  if (status === 401) return [defaultChallenge(code)];
  return status === 503 || status === 429 ? [['Retry-After', RETRY_AFTER_SECONDS]] : [];
}

/** A document that is the same for everybody. */
export function documentResponse(text: string, extra: readonly string[]): RelayResponse {
  return response(200, DOCUMENT_HEADERS, extra, text);
}

/** The answer to OPTIONS: 204 with what the path takes. */
export function optionsResponse(allow: string, extra: readonly string[]): RelayResponse {
  return { status: 204, headers: [...ALWAYS, 'Allow', allow, ...extra], body: '' };
}

function response(status: number, constant: readonly string[], extra: readonly string[], body: string): RelayResponse {
  return { status, headers: [...constant, ...extra, 'Content-Length', String(Buffer.byteLength(body))], body };
}

/** The 404 for a path that no host is there to answer. */
export const NOT_FOUND: RelayResponse = problemResponse(new RelayError('not_found'), []);
