/* Checks of the members and headers that all answers of one kind have in common. */
import assert from 'node:assert/strict';
import type { Answer } from '../wire.js';
import type { Json } from './fixtures.js';

const CHALLENGE = 'Mailbox-Device-Claim realm="mailbox"';

/** Asserts the status; the message quotes the relay's answer. */
export function expectStatus(answer: Answer, status: number, why = ''): void {
  assert.equal(
    answer.status,
    status,
    `${why ? `${why}: ` : ''}expected ${status}, got ${answer.status} ${answer.text}`,
  );
}

/** The JSON object of an answer. */
export function jsonOf(answer: Answer): Json {
  const parsed: unknown = JSON.parse(answer.text);
  assert.ok(typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed), `not an object: ${answer.text}`);
  return parsed as Json;
}

/** Asserts a success with a JSON body and returns the body. */
export function expectJson(answer: Answer, status: number, why = ''): Json {
  expectStatus(answer, status, why);
  assert.match(answer.headers.get('content-type') ?? '', /^application\/json\b/i, why);
  return jsonOf(answer);
}

/** The Mailbox-Version of a 200, which has to be there; or of a 201 whose success made the current version. */
export function versionOf(answer: Answer, status: 200 | 201 = 200): string {
  expectStatus(answer, status);
  const version = answer.headers.get('mailbox-version');
  assert.ok(version, `this ${status} has to carry Mailbox-Version`);
  assert.ok(version.length <= 64, `Mailbox-Version has at most 64 characters, not ${version.length}`);
  return version;
}

/**
 * Asserts an RFC 9457 problem with one of these codes.
 *
 * @param field the member that `field` has to name, by its full path (`payload.type`) or by its last part
 */
export function expectProblem(
  answer: Answer,
  status: number,
  codes: string | readonly string[] = [],
  { field, why = '' }: { field?: string; why?: string } = {},
): Json {
  expectStatus(answer, status, why);
  const context = `${why} ${answer.text}`;
  assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json\b/i, context);
  const problem = jsonOf(answer);
  assert.equal(problem.status, status, context);
  assert.ok(typeof problem.type === 'string' && problem.type !== '', `type: ${context}`);
  assert.ok(typeof problem.title === 'string' && problem.title !== '', `title: ${context}`);
  assert.ok(typeof problem.code === 'string', `code: ${context}`);
  assert.match(problem.code, /^[a-z][a-z0-9_]*$/, context);
  const expected = typeof codes === 'string' ? [codes] : codes;
  if (expected.length > 0) assert.ok(expected.includes(problem.code), `expected ${expected.join(' or ')}: ${context}`);
  if (status === 401) assert.equal(answer.headers.get('www-authenticate'), CHALLENGE, context);
  if (field !== undefined) expectField(problem, field, context);
  return problem;
}

/** The spelling of a path is the relay's choice: dots or slashes, whole or its last part, or a member further down. */
function expectField(problem: Json, path: string, context: string): void {
  assert.ok(typeof problem.field === 'string', `field: ${context}`);
  const named = problem.field.replaceAll('/', '.').replace(/^\$?\./, '');
  const last = path.split('.').at(-1);
  assert.ok(named === path || named === last || named.startsWith(`${path}.`), `field names ${path}: ${context}`);
}

/** How often each status came, for answers to requests in flight at once. */
export function countStatuses(answers: readonly Answer[]): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}
