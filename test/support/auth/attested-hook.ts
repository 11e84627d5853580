import { expect } from 'vitest';
import {
  type AttestedRelay,
  type AttestedRelayOptions,
  attestedRelay,
  makeAttester,
  makeDevice,
} from '../attester/attester.js';
import type { Answer } from '../relay/relay.js';

import { attester, clock, NOW, time } from './client-attestation.js';

/* A relay with clientAttestation under a stopped clock, and assertions for its refusals. */

/** Unix time in seconds, relative to the start. */
export const seconds = (offset: number): number => Math.floor(NOW / 1000) + offset;

export const stranger = makeAttester(clock);
export const otherDevice = makeDevice(clock);

/** A relay that trusts `attester`. Sets the clock back to the start. */
export function createAttestedRelay(options = {}, parts: AttestedRelayOptions = {}): AttestedRelay {
  time.now = NOW;
  return attestedRelay({ jwks: attester.jwks, ...options }, { clock, ...parts });
}

export function toHeaders(attestation?: string, pop?: string, dpop?: string): Record<string, string> {
  return {
    ...(attestation === undefined ? {} : { 'OAuth-Client-Attestation': attestation }),
    ...(pop === undefined ? {} : { 'OAuth-Client-Attestation-PoP': pop }),
    ...(dpop === undefined ? {} : { DPoP: dpop }),
  };
}

export const CHALLENGE = /^[\w-]{43}$/;

export const INVALID = 'invalid_client_attestation';

/** Asserts a 401 of the hook: the code, the challenge, and the fresh challenge of the draft. */
export function expectRefusal(answer: Answer, error: string | undefined): void {
  expect([answer.status, answer.json.code]).toEqual([
    401,
    error === undefined ? 'attestation_required' : 'attestation_invalid',
  ]);
  const written = error === undefined ? '' : `, error="${error}"`;
  expect(answer.headers.get('WWW-Authenticate')).toBe(`OAuth-Client-Attestation realm="mailbox"${written}`);
  expect(answer.headers.get('OAuth-Client-Attestation-Challenge')).toMatch(CHALLENGE);
}

/** Asserts a 401 of a hook without challenges. */
export function expectRejected(answer: Answer): void {
  expect([answer.status, answer.json.code]).toEqual([401, 'attestation_invalid']);
}

/** Other spellings of one key (RFC 7515 §2, RFC 7518 §6), which would have other thumbprints. */
const decode = (text: string): Buffer => Buffer.from(text, 'base64url');

export const withLeadingZero = (text: string): string =>
  Buffer.concat([Buffer.alloc(1), decode(text)]).toString('base64url');

export const withOtherAlphabet = (text: string): string => decode(text).toString('base64');

export function withStrayBits(text: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return text.slice(0, -1) + alphabet[alphabet.indexOf(text.at(-1) ?? '') + 1];
}
