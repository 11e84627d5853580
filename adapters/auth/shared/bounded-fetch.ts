import type { CustomFetch } from 'openid-client';
import { createByteCollector } from '../../../src/relay/byte-collector.js';
import { settleWithin } from './time-out.js';

/** Largest answer that is read, in bytes: metadata, key sets and introspections are a few kB. */
export const MAXIMUM_RESPONSE_BYTES = 1024 * 1024;

/** An answer that is larger than what is read. */
export class AnswerTooLarge extends Error {
  override readonly name = 'AnswerTooLarge';
  readonly code = 'answer_too_large';

  constructor() {
    super(`The answer is larger than ${MAXIMUM_RESPONSE_BYTES} bytes.`);
  }
}

/**
 * A `fetch` that settles within `timeoutMs`, the body of the answer included, and reads at most
 * {@link MAXIMUM_RESPONSE_BYTES} of it. Both hold for any `fetch`, one of the host's own too: the time is raced, and the body
 * is read piece by piece. The signal of the request is replaced by one that aborts when the time is over.
 */
export function createBoundedFetch(fetch: CustomFetch, timeoutMs: number): CustomFetch {
  return (url, options) =>
    settleWithin(timeoutMs, async (signal) => {
      const response = await fetch(url, { ...options, signal });
      const bytes = await read(response, signal);
      // Some statuses allow no body, not even an empty one.
      const body = bytes.length === 0 ? null : (bytes as Uint8Array<ArrayBuffer>);
      return new Response(body, { status: response.status, headers: new Headers(response.headers) });
    });
}

async function read({ body }: Response, signal: AbortSignal): Promise<Uint8Array> {
  const collector = createByteCollector(MAXIMUM_RESPONSE_BYTES);
  if (body === null) return collector.bytes();
  const reader = body.getReader();
  const giveUp = (): void => void reader.cancel().catch(() => {});
  signal.addEventListener('abort', giveUp, { once: true });
  // An answer that came too late.
  if (signal.aborted) giveUp();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return collector.bytes();
    if (!collector.add(value)) {
      giveUp();
      throw new AnswerTooLarge();
    }
  }
}
