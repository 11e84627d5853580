import { createHmac, timingSafeEqual } from 'node:crypto';

/*
 * Stateless nonces: a MAC over the current minute. All clients get the same nonce within one minute, so a nonce cannot
 * identify a client. Every process with the same server keys accepts it.
 */

/** Time in ms for which the relay issues the same nonce. */
const SPAN_MS = 60_000;

/** Number of later spans in which a nonce is valid. */
const SPANS_AFTER = 4;

/**
 * Creates the current nonce, for DPoP or a client attestation.
 *
 * @param secrets - the result of `relay.secrets(purpose)`; the first secret is used
 * @param now - Unix time in ms
 * @returns 43 characters of base64url
 * @throws TypeError without a secret
 * @see RFC 9449 §8
 */
export function createNonce([newest]: readonly Uint8Array[], now: number): string {
  if (newest === undefined) throw new TypeError('createNonce: no secret');
  return computeNonce(newest, Math.floor(now / SPAN_MS));
}

/**
 * Checks a nonce.
 *
 * @param secrets - the result of `relay.secrets(purpose)`; all secrets are tried
 * @param now - Unix time in ms
 * @returns true for a nonce of the last 4 to 5 minutes, or of a process whose clock is up to a minute ahead
 */
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
