import { expect } from 'vitest';
import type { Answer } from '../protocol/http.js';

/** The answer is a problem of the relay itself, with this status and code (RFC 9457). */
export function expectProblem(answer: Answer, status: number, code: string): void {
  expect({ status: answer.status, type: answer.headers['content-type'], text: answer.text }).toMatchObject({
    status,
    type: 'application/problem+json',
  });
  expect(answer.json).toMatchObject({ status, code });
}

/** The answer is one of the host's own. */
export function expectPage(answer: Answer, status: number, text: string): void {
  expect({ status: answer.status, text: answer.text }).toEqual({ status, text });
}
