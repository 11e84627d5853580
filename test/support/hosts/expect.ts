import { expect } from 'vitest';
import type { Answer } from '../protocol/http.js';

/** Asserts a problem of the relay with this status and code (RFC 9457). */
export function expectProblem(answer: Answer, status: number, code: string): void {
  expect({ status: answer.status, type: answer.headers['content-type'], text: answer.text }).toMatchObject({
    status,
    type: 'application/problem+json',
  });
  expect(answer.json).toMatchObject({ status, code });
}

/** Asserts an answer of the host. */
export function expectPage(answer: Answer, status: number, text: string): void {
  expect({ status: answer.status, text: answer.text }).toEqual({ status, text });
}
