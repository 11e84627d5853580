import type { Relay } from 'credential-relay';
import { expect } from 'vitest';
import { exchange, problemFault, type Reply } from './harness.js';
import { CANARY } from './wire-arbitraries.js';

export const SENDER = 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee';
export const JSON_TYPE = { 'Content-Type': 'application/json' };

/** Headers with a valid claim and the given Request-ID. */
export const soundHeaders = (requestId: string) => ({
  'Mailbox-Device-Claim': SENDER,
  'Mailbox-Request-ID': requestId,
});

/** Asserts that no answer is a 5xx, that every refusal is a problem, and that no answer shows a secret of a device. */
export async function call(relay: Relay, request: Request): Promise<Reply> {
  const { method, headers } = request;
  const reply = await exchange(relay, request);
  expect(reply.status).toBeLessThan(500);
  if (reply.status < 400) return reply;
  if (method !== 'HEAD') expect(problemFault(reply), reply.text).toBeUndefined();
  expect(reply.text).not.toContain(CANARY);
  for (const name of ['Mailbox-Device-Claim', 'Mailbox-Request-ID', 'Mailbox-Device-Attestation']) {
    const value = headers.get(name) ?? '';
    if (value.length >= 12) expect(reply.text.toLowerCase()).not.toContain(value.toLowerCase());
  }
  return reply;
}

/** The headers, or undefined if fetch refuses them. */
export function headersWith(entries: readonly (readonly [string, string | undefined])[]): Headers | undefined {
  const headers = new Headers();
  try {
    for (const [name, value] of entries) if (value !== undefined) headers.append(name, value);
    return headers;
  } catch {
    return undefined;
  }
}
