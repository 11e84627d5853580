import type { CustomFetch } from 'openid-client';
import { createByteCollector } from '../../../src/relay/byte-collector.js';
import { withAbortableTimeout } from '../../../src/relay/time.js';

/** Maximum size of a response in bytes. Metadata, key sets and introspections have a few kB. */
export const MAXIMUM_RESPONSE_BYTES = 1024 * 1024;

export class AnswerTooLarge extends Error {
  override readonly name = 'AnswerTooLarge';
  readonly code = 'answer_too_large';

  constructor() {
    super(`The response is larger than ${MAXIMUM_RESPONSE_BYTES} bytes.`);
  }
}

/**
 * Wraps a `fetch` so that it settles within `timeoutMs`, including the body, and reads at most {@link
 * MAXIMUM_RESPONSE_BYTES}. Both limits also hold for a host's `fetch` that ignores its signal. The signal of the
 * request is replaced by a signal that aborts after `timeoutMs`.
 */
export function createBoundedFetch(fetch: CustomFetch, timeoutMs: number): CustomFetch {
  return (url, options) =>
    withAbortableTimeout(timeoutMs, async (signal) => {
      const response = await fetch(url, { ...options, signal });
      const bytes = await readBody(response, signal);
      // Some statuses allow no body, and an empty body is a body.
      const body = bytes.length === 0 ? null : (bytes as Uint8Array<ArrayBuffer>);
      return new Response(body, { status: response.status, headers: new Headers(response.headers) });
    });
}

async function readBody({ body }: Response, signal: AbortSignal): Promise<Uint8Array> {
  const collector = createByteCollector(MAXIMUM_RESPONSE_BYTES);
  if (body === null) return collector.bytes();
  const reader = body.getReader();
  const cancel = (): void => void reader.cancel().catch(() => {});
  signal.addEventListener('abort', cancel, { once: true });
  // The response came after the time limit.
  if (signal.aborted) cancel();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return collector.bytes();
    if (!collector.add(value)) {
      cancel();
      throw new AnswerTooLarge();
    }
  }
}
