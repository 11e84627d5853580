import { createHmac, timingSafeEqual } from 'node:crypto';

/*
 * Challenges that a relay makes and knows again without keeping any: a MAC over the minute. Every client of one minute
 * gets the same one, so that it cannot tell clients apart, and any process with the same server keys knows it.
 */

/** Length of the span in which one challenge is given out, in ms. */
const SPAN_MS = 60_000;

/** Spans for which a challenge is good after the one in which it was given out. */
const SPANS_AFTER = 4;

/** The challenge of this moment (`now` is Unix time in ms), under the newest secret: 43 characters of base64url. */
export function createNonce([newest]: readonly Uint8Array[], now: number): string {
  if (newest === undefined) throw new TypeError('createNonce: no secret');
  return computeNonce(newest, Math.floor(now / SPAN_MS));
}

/** True for a challenge given out in the last 4 to 5 minutes, or up to a minute ahead by another process's clock. */
export function isFreshNonce(text: string, secrets: readonly Uint8Array[], now: number): boolean {
  const current = Math.floor(now / SPAN_MS);
  let fresh = false;
  for (const secret of secrets) {
    for (let span = current - SPANS_AFTER; span <= current + 1; span += 1) {
      if (isSameText(text, computeNonce(secret, span))) fresh = true;
    }
  }
  return fresh;
}

function computeNonce(secret: Uint8Array, span: number): string {
  return createHmac('sha256', secret).update(String(span)).digest('base64url');
}

function isSameText(left: string, right: string): boolean {
  const [one, other] = [Buffer.from(left), Buffer.from(right)];
  return one.length === other.length && timingSafeEqual(one, other);
}
